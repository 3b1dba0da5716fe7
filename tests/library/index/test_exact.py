"""The exact index against brute force in float64: no hit missed, none invented."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudicate.errors import ConfigurationError
from executors.library.index import ExactIndex, Vectors
from executors.library.index import exact as exact_module
from executors.library.index import rows as rows_module
from executors.library.index import scan as scan_module
from tests.library.index.vectors import (
    HALVES,
    around,
    at_or_above,
    badly_rounded,
    brute_force,
    normed,
    places_of,
)

PRECISIONS = ["fp32", "bf16"]

groups = st.lists(
    st.lists(st.sampled_from(HALVES), min_size=1, max_size=3).map(np.stack), max_size=6
)


def index_of(exemplars: list[Vectors], precision: Any = "auto", device: str = "cpu") -> ExactIndex:
    index = ExactIndex(precision, device)
    for place, vectors in enumerate(exemplars):
        index.add(np.full(len(vectors), place, np.int64), vectors)
    return index


@pytest.mark.parametrize("precision", PRECISIONS)
@given(ads=groups, exemplars=groups, levels=st.lists(st.sampled_from([-0.5, 0.0, 0.5, 1.0])))
def test_what_lies_on_its_floor_is_found_and_what_lies_below_is_not(
    precision: str, ads: list[Vectors], exemplars: list[Vectors], levels: list[float]
) -> None:
    floors = np.array([levels[i % len(levels)] if levels else 0.5 for i in range(len(exemplars))])
    live = np.ones(len(exemplars), bool)
    places = np.repeat(np.arange(len(exemplars)), [len(vectors) for vectors in exemplars])
    vectors = np.concatenate(exemplars) if exemplars else np.zeros((0, 4), np.float32)
    expected = [
        {place: score for place, score in scores.items() if score >= floors[place]}
        for scores in brute_force(ads, places, vectors)
    ]
    found = index_of(exemplars, precision).search(ads, floors, live)
    assert [dict(hits) for hits in found] == expected


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dimension=st.sampled_from([8, 64, 512, 768]),
    floor=st.floats(0.05, 0.99),
    distance=st.sampled_from([1e-7, 1e-5, 1e-3, 1e-2]),
    rounded=st.sampled_from([None, 0x7FFF, 0x8000, 0x8001]),
    queries_rounded=st.sampled_from([None, 0x7FFF, 0x8001]),
)
def test_no_hit_is_missed_and_none_invented_next_to_the_floor(
    precision: str,
    seed: int,
    dimension: int,
    floor: float,
    distance: float,
    rounded: int | None,
    queries_rounded: int | None,
) -> None:
    rng = np.random.default_rng(seed)
    centres = normed(rng, 5, dimension)
    if queries_rounded is not None:
        centres = badly_rounded(centres, queries_rounded)
    offsets = distance * rng.uniform(-1, 1, (5, 24))
    clusters = [
        around(rng, centre, np.clip(floor + own, -1, 1))
        for centre, own in zip(centres, offsets, strict=True)
    ]
    vectors = np.concatenate([*clusters, centres, clusters[0][:3], normed(rng, 20, dimension)])
    if rounded is not None:
        vectors = badly_rounded(vectors, rounded)
    places = np.sort(rng.integers(0, len(vectors) // 2, len(vectors)))
    live = rng.random(len(vectors)) > 0.1
    # Many rows, so that the products go through the kernels that large libraries use.
    copies = 8
    index = ExactIndex(precision, "cpu")  # type: ignore[arg-type]
    index.add(np.arange(copies * len(vectors)) + len(vectors), np.tile(vectors, (copies, 1)))
    own = ExactIndex(precision, "cpu")  # type: ignore[arg-type]
    own.add(places, vectors)
    ads = [centres[:2], centres[2:3], centres[3:], vectors[-1:].copy()]
    scores = brute_force(ads, places, vectors)
    # Some floors are a hair's breadth off a cosine: nearer than float32 tells, further than
    # float64 rounds.
    floors = np.full(len(vectors), floor)
    for place in rng.choice(places, 8):
        near = scores[int(rng.integers(len(ads)))][int(place)]
        floors[place] = near + rng.choice([-1e-10, 1e-10])
    expected = [at_or_above(of_ad, floors, live) for of_ad in scores]
    found = own.search(ads, floors, live)
    assert places_of(found) == expected
    for hits, of_ad in zip(found, scores, strict=True):
        assert hits == sorted(hits, key=lambda hit: (-hit.similarity, hit.place))
        assert all(abs(hit.similarity - of_ad[hit.place]) < 1e-12 for hit in hits)
    by_row = brute_force(ads, np.arange(len(vectors)), vectors)
    everywhere = np.full(copies * len(vectors) + len(vectors), floor)
    many = index.search(ads, everywhere, np.ones(len(everywhere), bool))
    assert places_of(many) == [
        {
            len(vectors) * (1 + copy) + row
            for row, score in of_ad.items()
            if score >= floor
            for copy in range(copies)
        }
        for of_ad in by_row
    ]


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), limit=st.integers(1, 40), tight=st.booleans())
def test_the_nearest_are_the_nearest(precision: str, seed: int, limit: int, tight: bool) -> None:
    rng = np.random.default_rng(seed)
    centre = normed(rng, 1, 64)[0]
    spread = 1e-4 if tight else 0.5
    vectors = around(rng, centre, 0.5 + spread * rng.uniform(-1, 1, 60))
    vectors[10:20] = vectors[:10]
    places = np.sort(rng.integers(0, 40, 60))
    live = rng.random(45) > 0.2
    index = ExactIndex(precision, "cpu")  # type: ignore[arg-type]
    index.add(places, vectors)
    ad = np.stack([centre, normed(rng, 1, 64)[0]])
    (scores,) = brute_force([ad], places, vectors)
    best = sorted((-score, place) for place, score in scores.items() if live[place])[:limit]
    (found,) = index.nearest([ad], limit, live)
    # Equal vectors may differ in the last bit of their sums, so places are compared by cosine.
    assert [hit.similarity for hit in found] == pytest.approx([-s for s, _ in best], abs=1e-12)
    assert len({hit.place for hit in found}) == len(found)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_chunks_blocks_and_parts_do_not_show(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    exemplars = [normed(rng, 1 + i % 3, 8) for i in range(50)]
    ads = [normed(rng, 2, 8) for _ in range(4)]
    floors, live = np.full(50, 0.1), np.ones(50, bool)
    whole = index_of(exemplars, precision)
    expected = whole.search(ads, floors, live), whole.nearest(ads, 7, live)
    for module in (rows_module, scan_module):
        monkeypatch.setattr(module, "CHUNK_ROWS", 7)
    monkeypatch.setattr(exact_module, "QUERIES_AT_ONCE", 3)
    monkeypatch.setattr(exact_module, "RESCORED_AT_ONCE", 3)
    parts = index_of(exemplars, precision)
    assert len(parts.rows.chunks) > 10
    assert (parts.search(ads, floors, live), parts.nearest(ads, 7, live)) == expected


def test_a_number_that_is_none_is_no_hit() -> None:
    index = index_of([np.full((1, 4), np.nan, np.float32), HALVES[0][None]], "bf16")
    found = index.search([HALVES[0][None]], np.full(2, 0.5), np.ones(2, bool))
    assert places_of(found) == [{1}]


def test_an_unknown_device_or_a_slow_format_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="SEARCH_PRECISION"):
        ExactIndex("fp16", "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigurationError, match="SEARCH_DEVICE"):
            ExactIndex("auto", "cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_the_gpu_decides_as_float64_does(precision: str) -> None:
    rng = np.random.default_rng(0)
    for bits in (None, 0x7FFF, 0x8001):
        centres = normed(rng, 8, 512)
        offsets = rng.uniform(-1, 1, (8, 500)) * 10.0 ** rng.uniform(-7, -2, (8, 500))
        vectors = np.concatenate(
            [around(rng, c, 0.8 + own) for c, own in zip(centres, offsets, strict=True)]
        )
        vectors = vectors if bits is None else badly_rounded(vectors, bits)
        index = ExactIndex(precision, "cuda")  # type: ignore[arg-type]
        index.add(np.arange(len(vectors)), vectors)
        ads = [centre[None] for centre in centres]
        floors, live = np.full(len(vectors), 0.8), np.ones(len(vectors), bool)
        expected = [
            at_or_above(scores, floors, live)
            for scores in brute_force(ads, np.arange(len(vectors)), vectors)
        ]
        assert places_of(index.search(ads, floors, live)) == expected
