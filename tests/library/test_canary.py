"""The library's canary finds an exemplar by its own embedding, and leaves no trace."""

from collections.abc import Callable
from unittest.mock import patch

import pytest
from docarray import DocList
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Exemplar
from executors.library import canary
from executors.library.canary import check_version, try_search
from executors.library.executor import Library
from executors.library.index.snapshot import Snapshot
from executors.shared.health.canaries import CanaryFailed
from executors.shared.health.checks import NotReady
from tests.library.handmade import picture, unit, wording

VERSION = "v1"


async def add(library: Library, *exemplars: Exemplar, version: str = VERSION) -> None:
    for exemplar in exemplars:
        exemplar.encoder_version = version
    added = await library.add(DocList[Exemplar](exemplars))
    assert not [one.problem for one in added if one.problem]
    library._index.current(version)


def test_a_library_without_exemplars_is_well(library: Library) -> None:
    try_search(library._store, library._index, library._screener.review)
    assert "nothing embedded" in check_version(library._store, library._index)


@pytest.mark.parametrize("make", [picture, wording])
async def test_what_is_held_is_found_and_nothing_is_counted(
    library: Library, make: Callable[..., Exemplar]
) -> None:
    await add(library, make(b"one" if make is picture else "one"))
    before = library._store.version()
    await library.try_canary()
    assert library.work_done() == 0
    assert library._store.version() == before
    assert library.describe().counters.get("shadow_both_flag", 0) == 0


async def test_an_index_that_does_not_find_what_the_table_holds_fails(library: Library) -> None:
    await add(library, picture(b"one"))
    with patch.object(Snapshot, "nearest", lambda *_: [[]]), pytest.raises(CanaryFailed) as failed:
        await library.try_canary()
    assert "does not find exemplar" in str(failed.value)
    assert not failed.value.outside


async def test_an_index_of_other_vectors_fails(library: Library) -> None:
    await add(library, picture(b"one"))
    wrong = picture(b"one", unit(0, 1, 0, 0))
    held = library._store.any_embedded(VERSION)
    assert held is not None
    wrong_entry = type(held)(**{**vars(held), "image": wrong.image_embedding})
    with (
        patch.object(library._store, "any_embedded", lambda _: wrong_entry),
        pytest.raises(CanaryFailed, match="best 0"),
    ):
        await library.try_canary()


async def test_a_library_of_another_encoder_waits_for_a_person_not_for_a_restart(
    library: Library,
) -> None:
    await add(library, picture(b"one"))
    library._index.current("v2")  # as an ad of a new encoder does
    with pytest.raises(CanaryFailed, match="library_stale") as failed:
        await library.try_canary()
    assert failed.value.outside
    with pytest.raises(NotReady, match="1 exemplars are not embedded"):
        check_version(library._store, library._index)


async def test_a_database_that_fails_is_outside_of_the_room(library: Library) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("select secret", {}, Exception("connection refused"))

    await add(library, picture(b"one"))
    with (
        patch.object(library._store, "any_embedded", gone),
        pytest.raises(CanaryFailed, match="connection refused") as failed,
    ):
        await library.try_canary()
    assert failed.value.outside
    assert "secret" not in str(failed.value)


async def test_the_encoder_of_most_exemplars_counts_after_a_restart(
    open_library: Callable[..., Library],
) -> None:
    first = open_library()
    await add(first, picture(b"old"), version="old")
    await add(first, picture(b"new"), picture(b"newer"), version="new")
    again = open_library()
    snapshot = canary._serving(again._index)
    assert snapshot is not None
    assert snapshot.encoder_version == "new"


def test_a_ready_library_says_table_index_and_policy(library: Library) -> None:
    assert {name: bool(check()) for name, check in library.checks().items()} == {
        "sql": True,
        "index": True,
        "policy": True,
    }
