"""Drift through the library's room: sampled as ads are screened, held against a reference."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from docarray import DocList
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Case, Problem, Quality, Reference
from executors.library.executor import Library
from executors.library.quality.samples import SampleStore
from executors.shared.quality.refreshing import Refreshing
from executors.shared.settings import QualitySettings
from tests.library.conftest import open_library
from tests.library.handmade import at_cosine, picture, pictured, unit, worded, wording

__all__ = ["open_library"]

LEAST = 20
OLD, NEW = "clip-old", "clip-new"


@pytest.fixture
def database(sqlite_url: str) -> str:
    """What PostgreSQL does otherwise is for test_samples.py."""
    return sqlite_url


@pytest.fixture
def open_room(open_library: Callable[..., Library]) -> Callable[..., Library]:
    def make(**changes: Any) -> Library:
        quality = {"least_ads": LEAST, "sample_per_minute": 1_000, "refresh_s": 300.0, **changes}
        return open_library({"quality": QualitySettings(**quality)})

    return make


async def screen(library: Library, cosines: Any, encoder: str = OLD) -> None:
    cases = [pictured(at_cosine(c), versions={"encoder": encoder}) for c in cosines]
    await library.review(DocList[Case](cases))


async def known(library: Library) -> None:
    """A library with one violation, of a picture and of a text, and one look-alike."""
    harmless = picture(b"fine", unit(0, 0, 0, 1), polarity="lookalike")
    exemplars = [picture(b"cure"), wording("cures all"), harmless]
    for exemplar in exemplars:
        exemplar.encoder_version = OLD
    await library.add(DocList(exemplars))


async def figures(library: Library, **asked: Any) -> Quality:
    (found,) = await library.quality(DocList[Quality]([Quality(**asked)]))
    return found


async def set_reference(library: Library, **asked: Any) -> Reference:
    (made,) = await library.set_reference(DocList[Reference]([Reference(**asked)]))
    return made


def around(cosine: float, seed: int, count: int = 60) -> Any:
    return np.clip(np.random.default_rng(seed).normal(cosine, 0.05, count), -1, 1)


def states(found: Quality) -> Mapping[str, str]:
    return {drift.feature: drift.state for drift in found.drift}


async def test_drift_is_seen_against_a_reference(open_room: Callable[..., Library]) -> None:
    library = open_room()
    await known(library)
    await screen(library, around(0.3, 1, 400))
    before = await figures(library)
    assert (before.sampled, before.encoder_version, before.reference) == (400, OLD, None)
    assert set(states(before).values()) == {"unknown"}
    assert "no reference" in before.notes[0]

    made = await set_reference(library, created_by="mei", note="March")
    assert made.problem is None
    assert (made.ads, made.encoder_version, made.created_by, made.note) == (
        400,
        OLD,
        "mei",
        "March",
    )
    assert library._watch.indexes() == [], "no ad has come since"

    await screen(library, around(0.3, 2, 200))
    stable = await figures(library)
    assert stable.reference is not None
    assert stable.reference.note == "March"
    assert states(stable) == {
        "image": "stable",
        "image-text": "stable",
        "embedding.image": "stable",
    }
    assert (stable.drift[0].ads, stable.drift[0].reference_ads) == (200, 400)
    assert stable.notes == []

    await screen(library, around(0.6, 3, 400))
    moved = await figures(library)
    assert set(states(moved).values()) == {"major"}
    gauges = {attributes["feature"]: value for value, attributes in library._watch.indexes()}
    assert gauges == {drift.feature: drift.psi for drift in moved.drift}


async def test_the_similarity_is_to_the_nearest_violation_of_each_signal(
    open_room: Callable[..., Library], database: str
) -> None:
    library = open_room()
    await known(library)
    both = pictured(at_cosine(0.5), versions={"encoder": OLD})
    both.text_embedding = np.stack([at_cosine(0.2), at_cosine(0.8)])
    harmless = pictured(unit(0.1, 0, 0, 1), versions={"encoder": OLD})
    copy = worded(at_cosine(0.4), versions={"encoder": OLD})
    broken = pictured(at_cosine(0.5), problem=Problem(code="image_empty"))
    await library.review(DocList[Case]([both, harmless, copy, broken]))
    assert (await figures(library)).sampled == 3
    store = SampleStore(database, 1_000)
    _, samples = store.window(OLD, "", "9")
    store.close()
    found = [{s: round(c, 3) for s, c in one.cosines.items()} for one in samples]
    assert found == [
        {"image": 0.5, "text": 0.8, "image-text": 0.5},
        {"image": pytest.approx(0.1, abs=1e-3), "image-text": pytest.approx(0.1, abs=1e-3)},
        {"text": 0.4},
    ]
    assert [one.image_sketch is None for one in samples] == [False, False, True]
    assert [one.text_sketch is None for one in samples] == [False, True, False]


async def test_a_new_encoder_makes_the_reference_void(open_room: Callable[..., Library]) -> None:
    library = open_room()
    await screen(library, around(0.3, 1))
    await set_reference(library)
    await screen(library, around(0.3, 2), NEW)
    void = await figures(library)
    assert (void.encoder_version, void.reference, void.sampled) == (NEW, None, 60)
    assert f"made with encoder {OLD}; {NEW} serves now, so it is void" in void.notes[0]
    assert states(void) == {"embedding.image": "unknown"}, "there are no violations to be like"
    made = await set_reference(library)
    assert (made.encoder_version, made.ads) == (NEW, 60)
    assert (await figures(library)).notes == []
    await screen(library, around(0.3, 2), OLD)
    back = await figures(library)
    assert back.reference is not None
    assert (back.reference.encoder_version, back.notes) == (OLD, [])


async def test_other_exemplars_are_said(open_room: Callable[..., Library]) -> None:
    library = open_room()
    await known(library)
    await screen(library, around(0.3, 1))
    await set_reference(library)
    added = picture(b"another", unit(0, 1, 0, 0))
    added.encoder_version = OLD
    await library.add(DocList([added]))
    await screen(library, around(0.3, 2))
    found = await figures(library)
    assert found.reference is not None
    assert found.reference.library_version < found.library_version
    assert "other exemplars move the similarities" in found.notes[0]


async def test_the_sample_and_the_reference_outlive_the_room_and_are_all_replicas(
    open_room: Callable[..., Library],
) -> None:
    first, second = open_room(), open_room()
    await known(first)
    await screen(first, around(0.3, 1))
    await set_reference(first)
    await screen(first, around(0.3, 2))
    await figures(first)
    await screen(second, around(0.3, 3))
    found = await figures(second)
    assert found.reference is not None
    assert (found.sampled, found.drift[0].ads) == (180, 120)


async def test_what_cannot_be_is_refused(open_room: Callable[..., Library]) -> None:
    library = open_room()
    few = await set_reference(library)
    assert few.problem is not None
    assert few.problem.code == "too_few_ads"
    assert few.problem.detail == "the last 24 h have 0 sampled ads; a reference takes 20"
    for hours in (-1.0, 9e9, float("nan")):
        asked = await figures(library, hours=hours)
        assert asked.problem is not None
        assert asked.problem.code == "invalid_field"
    long = await set_reference(library, created_by="x" * 201)
    assert long.problem is not None
    assert long.problem.code == "invalid_field"


async def test_zero_samples_nothing_and_says_so(open_room: Callable[..., Library]) -> None:
    library = open_room(sample_per_minute=0)
    await known(library)
    await screen(library, around(0.3, 1))
    found = await figures(library)
    assert found.sampled == 0
    assert "SAMPLE_PER_MINUTE is 0" in found.notes[0]


async def test_a_database_that_fails_is_a_problem_and_screening_goes_on(
    open_room: Callable[..., Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = open_room()

    def fail(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("disk full"))

    monkeypatch.setattr(SampleStore, "add", fail)
    await known(library)
    (case,) = await library.review(
        DocList[Case]([pictured(at_cosine(0.9), versions={"encoder": OLD})])
    )
    assert case.flagged
    found = await figures(library)
    assert found.problem is not None
    assert found.problem.code == "internal"
    assert "disk" not in found.problem.detail


async def test_the_sample_is_written_while_nobody_asks(
    open_room: Callable[..., Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = asyncio.Event()
    loop = asyncio.get_running_loop()
    now = Refreshing.now

    def noted(refreshing: Refreshing[Any]) -> Any:
        found = now(refreshing)
        loop.call_soon_threadsafe(written.set)
        return found

    monkeypatch.setattr(Refreshing, "now", noted)
    library = open_room(refresh_s=0.05)
    await known(library)
    await screen(library, around(0.3, 1))
    for _ in range(2):  # the first may have begun before
        written.clear()
        await asyncio.wait_for(written.wait(), 60)
    assert library._watch._store.newest()[0] == OLD
