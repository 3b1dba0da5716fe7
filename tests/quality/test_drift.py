"""What has moved is seen, what has not is not, and too little says nothing."""

import json

import numpy as np
import pytest

from adjudicate.documents import Drift
from executors.library.quality.drift import drifts, reference_content
from executors.library.quality.projection import SKETCH, sketch_of
from executors.library.quality.samples import Sample
from tests.quality.made import population

LEAST = 200


def held_against(reference: list[Sample], now: list[Sample]) -> dict[str, Drift]:
    content = json.loads(json.dumps(reference_content(reference, LEAST)))
    return {drift.feature: drift for drift in drifts(content, now, LEAST)}


def test_the_same_population_is_stable() -> None:
    found = held_against(population(2_000, 1), population(1_000, 2))
    assert set(found) == {"image", "embedding.image"}
    assert {drift.state for drift in found.values()} == {"stable"}
    assert all((drift.ads, drift.reference_ads) == (1_000, 2_000) for drift in found.values())


def test_higher_similarities_and_other_pictures_are_a_major_drift() -> None:
    found = held_against(population(2_000, 1), population(1_000, 2, shift=0.1))
    assert {drift.state for drift in found.values()} == {"major"}
    assert all((drift.psi or 0) > 0.25 for drift in found.values())


def test_pictures_of_a_kind_that_the_reference_had_none_of_are_seen() -> None:
    found = held_against(population(2_000, 1), population(1_000, 2, off=0.08))
    assert found["image"].state == "stable", "they are as alike to violations as before"
    assert found["embedding.image"].state == "major"


def test_too_few_ads_say_nothing() -> None:
    few = held_against(population(2_000, 1), population(LEAST - 1, 2, shift=0.3))["image"]
    assert (few.state, few.psi, few.ads) == ("unknown", None, LEAST - 1)
    without = held_against(population(LEAST - 1, 1), population(1_000, 2))["image"]
    assert (without.state, without.psi, without.reference_ads) == ("unknown", None, 0)


def test_a_reference_of_one_picture_sent_over_and_over_can_be_held_against() -> None:
    (one,) = population(1, 1)
    found = held_against([one] * 500, population(500, 2))
    assert found["embedding.image"].state == "major"
    again = held_against([one] * 500, [one] * 500)
    assert {drift.state for drift in again.values()} == {"stable"}


def test_a_sketch_of_another_length_is_not_compared() -> None:
    short = [
        Sample(s.at, s.encoder_version, 1, s.cosines, s.image_sketch[:32], None)
        for s in population(500, 2)
        if s.image_sketch is not None
    ]
    assert held_against(population(500, 1), short)["embedding.image"].psi is None


def test_sketches_keep_how_far_apart_embeddings_are() -> None:
    rng = np.random.default_rng(5)
    embeddings = rng.normal(size=(60, 512)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    sketches = np.array([sketch_of(embedding) for embedding in embeddings], np.float64)
    assert sketches.shape == (60, SKETCH)
    true = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)
    kept = np.linalg.norm(sketches[:, None] - sketches[None], axis=2)
    apart = ~np.eye(60, dtype=bool)
    ratio = kept[apart] / true[apart]
    assert abs(ratio.mean() - 1) < 0.05
    assert ratio.std() < 2 / np.sqrt(SKETCH)


def test_a_sketch_is_the_same_on_every_machine() -> None:
    sketch = sketch_of(np.ones(512, np.float32))
    assert sketch[:3].astype(float).tolist() == pytest.approx([-0.085, 0.048, 0.086], abs=1e-3)


def test_a_copy_is_sketched_by_the_mean_of_its_windows() -> None:
    windows = np.eye(4, dtype=np.float32)[:2]
    assert np.round(sketch_of(windows).astype(float), 3).tolist() == [0.707, 0.707, 0.0, 0.0]
    assert sketch_of(np.zeros(4, np.float32)).tolist() == [0.0] * 4
