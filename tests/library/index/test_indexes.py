"""What holds for every index: exact, FAISS's inverted file, and Qdrant (its local mode)."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest

from executors.library.index import ExactIndex, VectorIndex, Vectors
from executors.library.index.ivf import IvfIndex
from executors.library.index.qdrant import QdrantIndex, connect
from tests.library.index.vectors import (
    HALVES,
    around,
    at_or_above,
    brute_force,
    normed,
    places_of,
)

DIMENSION = 32
EVERY_LIST = 10_000


def exact() -> VectorIndex:
    return ExactIndex()


def ivf() -> VectorIndex:
    return IvfIndex(probes=EVERY_LIST, train_from=64, audit_share=1.0)


def qdrant() -> VectorIndex:
    return QdrantIndex(connect(":memory:"), "test", "v1", "image", audit_share=1.0)


@pytest.fixture(params=[exact, ivf, qdrant], ids=["exact", "ivf", "qdrant"])
def index(request: pytest.FixtureRequest) -> Iterator[VectorIndex]:
    made: VectorIndex = request.param()
    yield made
    made.close()


def ready(index: VectorIndex) -> None:
    if isinstance(index, IvfIndex):
        index.wait()
        assert index.facts()["lists"] > 0


def clustered(rng: np.random.Generator, clusters: int = 12, members: int = 30) -> Vectors:
    parts = [
        around(rng, centre, rng.uniform(0.5, 1.0, members))
        for centre in normed(rng, clusters, DIMENSION)
    ]
    return np.concatenate(parts)


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_what_brute_force_finds(index: VectorIndex, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = clustered(rng)
    vectors[-20:] = vectors[:20]  # equal ones, under other places
    places = np.sort(rng.integers(0, 200, len(vectors)))
    for part in np.array_split(np.arange(len(vectors)), 7):
        index.add(places[part], vectors[part])
    ready(index)
    ads = [vectors[:1], np.stack([vectors[40], normed(rng, 1, DIMENSION)[0]]), vectors[-3:]]
    floors = rng.choice([0.6, 0.7, 0.8, np.inf], 200)
    live = rng.random(200) > 0.2
    scores = brute_force(ads, places, vectors)
    found = index.search(ads, floors, live)
    assert places_of(found) == [at_or_above(of_ad, floors, live) for of_ad in scores]
    for hits, of_ad in zip(found, scores, strict=True):
        assert hits == sorted(hits, key=lambda hit: (-hit.similarity, hit.place))
        assert all(abs(hit.similarity - of_ad[hit.place]) < 1e-12 for hit in hits)
    nearest = index.nearest(ads, 5, live)
    for hits, of_ad in zip(nearest, scores, strict=True):
        best = sorted((score for place, score in of_ad.items() if live[place]), reverse=True)
        assert [hit.similarity for hit in hits] == pytest.approx(best[:5], abs=1e-12)


def test_what_lies_on_its_floor_is_found_and_what_lies_below_is_not(index: VectorIndex) -> None:
    vectors = np.stack(HALVES)
    filler = np.tile(HALVES[2], (80, 1))
    index.add(np.arange(5), vectors)
    index.add(5 + np.arange(80), filler)
    ready(index)
    live = np.arange(85) < 5
    ad = HALVES[0][None]
    on = index.search([ad], np.full(85, 0.5), live)[0]
    assert [(hit.place, hit.similarity) for hit in on] == [(0, 1.0), (1, 0.5)]
    above = index.search([ad], np.full(85, np.nextafter(0.5, 1)), live)[0]
    assert [hit.place for hit in above] == [0]


def test_it_sees_only_the_places_that_it_is_told_to(index: VectorIndex) -> None:
    vectors = np.tile(HALVES[0], (100, 1))
    index.add(np.arange(100), vectors)
    ready(index)
    live = np.zeros(60, bool)
    live[[3, 59]] = True
    floors = np.full(60, 0.9)
    assert places_of(index.search([vectors[:1]], floors, live)) == [{3, 59}]
    assert places_of(index.nearest([vectors[:1]], 10, live)) == [{3, 59}]
    assert index.search([vectors[:1]], floors, np.zeros(60, bool)) == [[]]
    assert index.nearest([vectors[:1]], 10, np.zeros(60, bool)) == [[]]


def test_nothing_is_found_where_nothing_is(index: VectorIndex) -> None:
    nothing = np.zeros(0), np.zeros(0, bool)
    assert index.search([HALVES[0][None]], *nothing) == [[]]
    assert index.nearest([HALVES[0][None]], 3, nothing[1]) == [[]]
    assert index.search([], *nothing) == []


def test_all_of_a_big_cluster_is_found(index: VectorIndex) -> None:
    rng = np.random.default_rng(0)
    vectors = around(rng, normed(rng, 1, DIMENSION)[0], rng.uniform(0.9, 1.0, 700))
    index.add(np.arange(700), vectors)
    ready(index)
    floors, live = np.full(700, 0.5), np.ones(700, bool)
    assert places_of(index.search([vectors[:1]], floors, live)) == [set(range(700))]


@pytest.mark.parametrize("make", [ivf, qdrant])
def test_the_audit_counts_what_was_found(make: Callable[[], VectorIndex]) -> None:
    index = make()
    rng = np.random.default_rng(0)
    vectors = clustered(rng)
    index.add(np.arange(len(vectors)), vectors)
    ready(index)
    floors, live = np.full(len(vectors), 0.7), np.ones(len(vectors), bool)
    found = index.search([vectors[:1], vectors[50:51]], floors, live)
    index.close()
    facts = index.facts()
    hits = sum(map(len, found))
    assert facts["audit_queries"] == 2
    assert facts["audit_expected"] == facts["audit_found"] == hits > 2


def test_the_makers_are_of_three_kinds() -> None:
    assert [partial(make)().kind for make in (exact, ivf, qdrant)] == ["exact", "ivf", "qdrant"]
