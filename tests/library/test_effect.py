"""What another threshold would have done to the ads that the library sampled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from docarray import DocList

from adjudicate.documents import Case, ThresholdEffect
from adjudicate.errors import Code
from executors.library.effect import candidate, fill_sampled
from executors.library.executor import Library
from executors.library.quality import sampling
from executors.library.quality.samples import Sample, SampleStore
from executors.library.thresholds import OFF, Thresholds
from executors.shared.settings import QualitySettings
from tests.library.handmade import at_cosine, picture, pictured, unit, worded, wording

ENCODER = "clip-handmade"
ACTIVE = Thresholds(
    {"image": {"cure": 0.7, "safety": 0.8}, "text": {"cure": 0.6}},
    {"image": 0.9, "text": 0.9, "image-text": OFF},
    0.97,
    "v",
    "s",
)


@pytest.fixture
def database(sqlite_url: str) -> str:
    """The sample on PostgreSQL is for tests/quality/test_samples.py."""
    return sqlite_url


def sample(**categories: dict[str, float]) -> Sample:
    named: Any = {name.replace("_", "-"): cosines for name, cosines in categories.items()}
    return Sample("2026-03-01", ENCODER, 1, {}, None, None, named)


def filled(*samples: Sample, signal: str = "image", threshold: float | None = None) -> Any:
    asked = ThresholdEffect(category="cure", signal=signal, threshold=threshold)
    fill_sampled(asked, ACTIVE, samples)
    return asked


def test_sampled_ads_are_counted_at_the_thresholds_in_force_and_with_the_candidate() -> None:
    samples = [
        sample(image={"cure": 0.75}),
        sample(image={"cure": 0.65}),
        sample(image={"cure": 0.75, "safety": 0.85}),
        sample(image={"cure": 0.1}, text={"cure": 0.6}),
        sample(image_text={"cure": 0.99}),
        Sample("2026-03-01", ENCODER, 1, {"image": 0.99}, None, None, None),
    ]
    higher = filled(*samples, threshold=0.8)
    assert (higher.current, higher.sampled) == (0.7, 5)
    assert (higher.sampled_now, higher.sampled_then) == (3, 2)
    assert filled(*samples, threshold=0.6).sampled_then == 4
    same = filled(*samples)
    assert (same.threshold, same.sampled_now, same.sampled_then) == (0.7, 3, 3)


def test_a_signal_that_is_off_has_no_threshold_and_can_be_tried() -> None:
    tried = filled(sample(image_text={"cure": 0.3}), signal="image-text", threshold=0.25)
    assert (tried.current, tried.sampled_now, tried.sampled_then) == (None, 0, 1)
    assert filled(signal="image-text").threshold is None


def test_what_is_almost_an_exemplar_always_matches() -> None:
    tried = filled(sample(image={"cure": 0.98}), threshold=0.99)
    assert (tried.threshold, tried.sampled_then) == (0.97, 1)
    notes = {note.code: note.values for note in tried.notes}
    assert notes["match_limit"] == {"limit": "0.97"}
    assert candidate(ACTIVE, "image", "cure", None) is ACTIVE


def test_without_a_sample_it_says_so() -> None:
    assert [note.code for note in filled().notes] == ["none_sampled"]


def test_a_sample_is_held_with_its_categories_on_both_databases(any_database: str) -> None:
    store = SampleStore(any_database, 1_000)
    held = [sample(image={"cure": 0.75}), Sample("2026-03-01", ENCODER, 1, {}, None, None)]
    store.add(held)
    _, found = store.window(ENCODER, "2026-02", "2026-04")
    store.close()
    assert [one.categories for one in found] == [{"image": {"cure": 0.75}}, None]


@pytest.fixture
def open_room(open_library: Callable[..., Library]) -> Callable[..., Library]:
    def make() -> Library:
        quality = QualitySettings(sample_per_minute=1_000, refresh_s=300.0)
        return open_library({"quality": quality})

    return make


async def effect(library: Library, **asked: Any) -> ThresholdEffect:
    said = {"category": "cure", "signal": "image", **asked}
    (found,) = await library.threshold_effect(DocList[ThresholdEffect]([ThresholdEffect(**said)]))
    return found


async def known(library: Library) -> None:
    exemplars = [
        picture(b"cure"),
        picture(b"safety", unit(0, 1, 0, 0), category="safety"),
        wording("cures all"),
        picture(b"fine", unit(0, 0, 0, 1), polarity="lookalike"),
    ]
    for exemplar in exemplars:
        exemplar.encoder_version = ENCODER
    await library.add(DocList(exemplars))


async def test_the_room_measures_its_sample_by_category(open_room: Callable[..., Library]) -> None:
    library = open_room()
    await known(library)
    versions = {"encoder": ENCODER}
    cases = [pictured(at_cosine(c), versions=dict(versions)) for c in (0.65, 0.75, 0.95)]
    cases.append(worded(at_cosine(0.9), versions=dict(versions)))
    await library.review(DocList[Case](cases))
    found = await effect(library, threshold=0.6)
    assert found.problem is None
    assert (found.encoder_version, found.hours, found.current) == (ENCODER, 720.0, 0.7)
    assert (found.sampled, found.sampled_now, found.sampled_then) == (4, 3, 4)
    _, samples = library._watch.sampled(24)
    first = samples[0].categories
    assert first is not None
    assert first["image"] == {"cure": 0.65, "safety": pytest.approx(np.sqrt(1 - 0.65**2), abs=1e-4)}
    assert first["image-text"] == {"cure": 0.65}


async def test_of_too_many_categories_none_is_measured(
    open_room: Callable[..., Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MOST_CATEGORIES", 1)
    library = open_room()
    await known(library)
    await library.review(DocList[Case]([pictured(at_cosine(0.9), versions={"encoder": ENCODER})]))
    assert (await effect(library)).sampled == 0


@pytest.mark.parametrize(
    "asked",
    [
        {"signal": "hash"},
        {"category": " "},
        {"threshold": 0.0},
        {"threshold": 1.1},
        {"threshold": float("nan")},
        {"hours": 10_000.0},
    ],
)
async def test_what_cannot_be_is_refused(
    open_room: Callable[..., Library], asked: dict[str, Any]
) -> None:
    found = await effect(open_room(), **asked)
    assert found.problem is not None
    assert found.problem.code == Code.INVALID_FIELD
