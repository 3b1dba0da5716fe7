"""The room with each kind of index: how it starts, what its status says, how it fails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from docarray import DocList

from adjudicate.documents import Case, Exemplar
from adjudicate.errors import Code
from executors.library.executor import Library
from executors.library.index import qdrant as qdrant_module
from tests.library.handmade import FIRST_AXIS, at_cosine, picture, pictured

OpenLibrary = Callable[..., Library]


def settings_of(kind: str, folder: Path) -> dict[str, Any]:
    ivf = {"ivf_train_from": 4, "search_audit_share": 1.0}
    qdrant = {"qdrant_url": str(folder / "qdrant"), "search_audit_share": 1.0}
    return {"index": kind, **({"ivf": ivf, "qdrant": qdrant}.get(kind, {}))}


@pytest.fixture
def database(sqlite_url: str) -> str:
    """One is enough: what differs between databases is tested with the exact index."""
    return sqlite_url


async def review(library: Library, *cases: Case) -> DocList[Case]:
    return await library.review(DocList[Case](cases))


@pytest.mark.parametrize("kind", ["exact", "ivf", "qdrant"])
async def test_the_room_flags_what_resembles_an_exemplar(
    open_library: OpenLibrary, tmp_path: Path, kind: str
) -> None:
    library = open_library(**settings_of(kind, tmp_path))
    exemplars = [picture(b"%d" % i, at_cosine(i / 10)) for i in range(9)]
    await library.add(DocList[Exemplar]([*exemplars, picture(b"it")]))
    near, far = await review(library, pictured(FIRST_AXIS), pictured(-FIRST_AXIS))
    assert (near.flagged, far.flagged) == (True, False)
    assert library.describe().facts["index"] == kind


async def test_the_status_counts_what_the_audit_of_an_approximate_index_found(
    open_library: OpenLibrary, tmp_path: Path
) -> None:
    library = open_library(**settings_of("qdrant", tmp_path))
    await library.add(DocList[Exemplar]([picture(b"it")]))
    await review(library, pictured(FIRST_AXIS), pictured(at_cosine(0.9)))
    assert any(name.startswith("search_") for name in library.describe().counters)
    for snapshot in library._index.loaded():
        snapshot.indexes["image"]._audit.wait()  # type: ignore[attr-defined]
    counters = library.describe().counters
    assert counters["search_audit_queries"] == 2
    assert counters["search_audit_expected"] == counters["search_audit_found"] == 2


async def test_an_index_that_does_not_answer_is_that_ads_problem(
    open_library: OpenLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = open_library(**settings_of("qdrant", tmp_path))
    await library.add(DocList[Exemplar]([picture(b"it")]))

    def down(self: object, *arguments: Any, **options: Any) -> None:
        raise ConnectionError("refused")

    await review(library, pictured(FIRST_AXIS))
    client = library._index.loaded()[-1].indexes["image"]._client  # type: ignore[attr-defined]
    with monkeypatch.context() as broken:
        broken.setattr(client, "query_batch_points", down)
        (case,) = await review(library, pictured(FIRST_AXIS))
    assert case.problem is not None
    assert case.problem.code == Code.ROOM_UNAVAILABLE
    assert "Qdrant" in case.problem.detail
    (case,) = await review(library, pictured(FIRST_AXIS))
    assert case.problem is None
    assert case.flagged


async def test_a_restarted_room_searches_at_once_what_the_database_holds(
    open_library: OpenLibrary,
) -> None:
    first = open_library()
    await first.add(DocList[Exemplar]([picture(b"it", encoder_version="v7")]))
    again = open_library()
    assert [known.encoder_version for known in again._index.loaded()] == ["v7"]
    (case,) = await review(again, pictured(FIRST_AXIS, versions={"encoder": "v7"}))
    assert case.flagged


def test_points_are_named_by_their_vectors() -> None:
    one, other = np.ones(4, np.float32), np.ones(4, np.float32)
    assert qdrant_module.point_id(one) == qdrant_module.point_id(other)
    other[0] = np.nextafter(np.float32(1), np.float32(2))
    assert qdrant_module.point_id(one) != qdrant_module.point_id(other)
