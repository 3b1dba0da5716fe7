"""The exact index against brute force in float64: no hit missed, none invented."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from executors.library import index as index_module
from executors.library.index import ExactIndex, build_snapshot
from executors.library.store import Entry
from executors.library.thresholds import Thresholds

Vectors = NDArray[np.float32]

HALVES = [
    np.array(signs, np.float32) / 2
    for signs in ((1, 1, 1, 1), (1, 1, 1, -1), (1, 1, -1, -1), (1, -1, -1, -1), (-1, -1, -1, -1))
]
"""Unit vectors whose cosines are exact in any precision: −1, −½, 0, ½, 1."""


def brute_force(ads: list[Vectors], exemplars: list[tuple[int, Vectors]]) -> list[dict[int, float]]:
    return [
        {
            place: float((ad.astype(np.float64) @ vectors.T.astype(np.float64)).max())
            for place, vectors in exemplars
        }
        for ad in ads
    ]


def normed(rng: np.random.Generator, rows: int, dimension: int) -> Vectors:
    vectors = rng.standard_normal((rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


groups = st.lists(
    st.lists(st.sampled_from(HALVES), min_size=1, max_size=3).map(np.stack), max_size=6
)


@given(ads=groups, exemplars=groups, floors=st.lists(st.sampled_from([-0.5, 0.0, 0.5, 1.0])))
def test_what_lies_on_its_threshold_is_found_and_what_lies_below_is_not(
    ads: list[Vectors], exemplars: list[Vectors], floors: list[float]
) -> None:
    placed = list(enumerate(exemplars))
    own = [floors[i % len(floors)] if floors else 0.5 for i, _ in placed]
    expected = [
        {place: score for place, score in scores.items() if score >= own[place]}
        for scores in brute_force(ads, placed)
    ]
    found = ExactIndex(placed, own).search(ads)
    assert [dict(hits) for hits in found] == expected


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dimension=st.sampled_from([1, 3, 64, 512]),
    count=st.integers(0, 40),
    queries=st.integers(1, 6),
    duplicates=st.booleans(),
)
def test_borderline_cosines_are_decided_as_in_float64(
    seed: int, dimension: int, count: int, queries: int, duplicates: bool
) -> None:
    rng = np.random.default_rng(seed)
    placed = [(i, normed(rng, int(rng.integers(1, 4)), dimension)) for i in range(count)]
    if duplicates and placed:
        placed += [(count + i, placed[0][1]) for i in range(3)]
    ads = [normed(rng, int(rng.integers(1, 4)), dimension) for _ in range(queries)]
    if placed:
        ads.append(placed[-1][1].copy())
    scores = brute_force(ads, placed)
    # Each exemplar's threshold is a hair's breadth off its own cosine with some ad: nearer than
    # float32 can tell, further than float64 rounds.
    floors = [
        scores[int(rng.integers(len(ads)))][place] + float(rng.choice([-1e-10, 1e-10]))
        for place, _ in placed
    ]
    expected = [{p for p, s in of_ad.items() if s >= floors[p]} for of_ad in scores]
    found = ExactIndex(placed, floors).search(ads)
    assert [{hit.place for hit in hits} for hits in found] == expected
    for hits, of_ad in zip(found, scores, strict=True):
        assert [hit.similarity for hit in hits] == sorted(
            (h.similarity for h in hits), reverse=True
        )
        assert all(abs(hit.similarity - of_ad[hit.place]) < 1e-12 for hit in hits)


def test_blocks_and_parts_do_not_show(monkeypatch: object) -> None:
    rng = np.random.default_rng(0)
    placed = [(i, normed(rng, 1 + i % 3, 8)) for i in range(50)]
    ads = [normed(rng, 2, 8) for _ in range(4)]
    whole = ExactIndex(placed, [0.1] * 50).search(ads)
    monkeypatch.setattr(index_module, "_BLOCK_ROWS", 7)  # type: ignore[attr-defined]
    monkeypatch.setattr(index_module, "_RESCORED_AT_ONCE", 3)  # type: ignore[attr-defined]
    assert ExactIndex(placed, [0.1] * 50).search(ads) == whole


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 30), limit=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_the_nearest_are_the_nearest_whatever_their_threshold(
    seed: int, count: int, limit: int
) -> None:
    rng = np.random.default_rng(seed)
    placed = [(i, normed(rng, int(rng.integers(1, 4)), 16)) for i in range(count)]
    ads = [normed(rng, 2, 16)]
    scores = brute_force(ads, placed)[0]
    found = ExactIndex(placed, [1.0] * count).nearest(ads, limit)[0]
    best = sorted(scores.values(), reverse=True)[:limit]
    assert np.allclose([hit.similarity for hit in found], best, atol=1e-5)


def entry(name: str, vector: Vectors, encoder: str = "") -> Entry:
    return Entry(name, "cure", "R", "violation", encoder, "", True, vector, None)


THRESHOLDS = Thresholds({"image": {}, "text": {}}, {"image": 0.8, "text": 0.8}, 1.0, "", "")


def test_exemplars_of_another_encoder_are_counted_and_not_compared() -> None:
    new = [entry("a", HALVES[0], "v2"), entry("b", HALVES[1], "v2")]
    old = [entry("c", np.ones(1, np.float32), "v2"), entry("d", HALVES[0], "v1")]
    snapshot = build_snapshot(3, new + old, THRESHOLDS)
    assert [known.id for known in snapshot.entries] == ["a", "b"]
    assert snapshot.stale == 2
    assert not snapshot.comparable("v2", 4)


def test_an_ad_is_comparable_with_the_encoder_it_shares() -> None:
    snapshot = build_snapshot(1, [entry("a", HALVES[0], "v2")], THRESHOLDS)
    assert snapshot.comparable("v2", 4)
    assert snapshot.comparable("", 4)
    assert not snapshot.comparable("v1", 4)
    assert not snapshot.comparable("v2", 8)
    assert build_snapshot(0, [], THRESHOLDS).comparable("v9", 512)
