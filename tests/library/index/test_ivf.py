"""FAISS's inverted file: what it may miss is counted, and exact search serves until it is made."""

import numpy as np
import pytest

from executors.library.index import ExactIndex
from executors.library.index import ivf as ivf_module
from executors.library.index.ivf import IvfIndex
from tests.library.index.vectors import around, normed, places_of


def clusters(seed: int = 0, count: int = 60, members: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = normed(rng, count, 64)
    return np.concatenate([around(rng, c, rng.uniform(0.85, 0.99, members)) for c in centres])


def test_too_few_vectors_are_searched_exactly() -> None:
    index = IvfIndex(probes=1, train_from=10_000, audit_share=1.0)
    vectors = clusters()
    index.add(np.arange(len(vectors)), vectors)
    index.wait()
    floors, live = np.full(len(vectors), 0.6), np.ones(len(vectors), bool)
    exact = ExactIndex()
    exact.add(np.arange(len(vectors)), vectors)
    assert index.search([vectors[:3]], floors, live) == exact.search([vectors[:3]], floors, live)
    assert index.facts() == dict.fromkeys(index.facts(), 0)


def test_a_few_lists_hold_the_hits_of_clustered_vectors_and_the_audit_says_so() -> None:
    vectors = clusters()
    index = IvfIndex(probes=8, train_from=1_000, audit_share=1.0)
    index.add(np.arange(len(vectors)), vectors)
    index.wait()
    floors, live = np.full(len(vectors), 0.8), np.ones(len(vectors), bool)
    for start in range(0, 1_000, 50):
        index.search([vectors[row][None] for row in range(start, start + 50)], floors, live)
        index._audit.wait()
    facts = index.facts()
    assert facts["audit_queries"] == 1_000
    assert facts["audit_found"] / facts["audit_expected"] >= 0.999
    index.close()


def test_the_audit_notices_hits_that_the_probed_lists_do_not_hold() -> None:
    rng = np.random.default_rng(0)
    # One cluster, cut into many lists: the worst for them.
    vectors = around(rng, normed(rng, 1, 64)[0], rng.uniform(0.7, 0.9, 2_000))
    index = IvfIndex(probes=1, train_from=1_000, audit_share=1.0)
    index.add(np.arange(2_000), vectors)
    index.wait()
    floors, live = np.full(2_000, 0.7), np.ones(2_000, bool)
    found = index.search([vectors[0][None]], floors, live)
    index.close()
    facts = index.facts()
    assert facts["audit_found"] == len(found[0]) < facts["audit_expected"]


def test_rows_that_are_added_after_the_lists_were_made_are_found() -> None:
    vectors = clusters()
    index = IvfIndex(probes=8, train_from=1_000)
    half = len(vectors) // 2
    index.add(np.arange(half), vectors[:half])
    index.wait()
    lists = index.facts()["lists"]
    for row in range(half, half + 20):
        index.add(np.array([row]), vectors[row : row + 1])
    assert index.facts()["lists"] == lists > 0
    floors, live = np.full(half + 20, 0.999), np.ones(half + 20, bool)
    ads = [vectors[row][None] for row in range(half, half + 20)]
    assert places_of(index.search(ads, floors, live)) == [{row} for row in range(half, half + 20)]


def test_rows_that_come_while_the_lists_are_made_are_in_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = clusters()
    index = IvfIndex(probes=64, train_from=1_000)
    train = ivf_module.train

    def slowly(*arguments: object) -> object:
        # While the lists are made, another row is added, and searched for.
        index.add(np.array([1_000]), vectors[1_000:1_001])
        live = np.ones(1_001, bool)
        hits = index.search([vectors[1_000][None]], np.full(1_001, 0.999), live)[0]
        assert [hit.place for hit in hits] == [1_000]
        return train(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ivf_module, "train", slowly)
    index.add(np.arange(1_000), vectors[:1_000])
    index.wait()
    assert index.facts()["lists"] > 0
    live = np.ones(1_001, bool)
    hits = index.search([vectors[1_000][None]], np.full(1_001, 0.999), live)[0]
    assert [hit.place for hit in hits] == [1_000]


def test_the_lists_are_made_anew_when_the_library_has_grown() -> None:
    vectors = clusters(count=120)
    index = IvfIndex(probes=8, train_from=500)
    index.add(np.arange(600), vectors[:600])
    index.wait()
    small = index.facts()["lists"]
    index.add(600 + np.arange(4_200), vectors[600:4_800])
    index.wait()
    assert index.facts()["lists"] > small


def test_lists_that_cannot_be_made_leave_exact_search(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ivf_module, "train", fails)
    vectors = clusters()
    index = IvfIndex(probes=8, train_from=100)
    index.add(np.arange(len(vectors)), vectors)
    index.wait()
    assert "could not be made" in caplog.text
    floors, live = np.full(len(vectors), 0.999), np.ones(len(vectors), bool)
    assert places_of(index.search([vectors[7][None]], floors, live)) == [{7}]


def test_a_floor_too_low_for_lists_is_searched_exactly() -> None:
    rng = np.random.default_rng(0)
    vectors = normed(rng, 2_000, 64)
    index = IvfIndex(probes=1, train_from=1_000)
    index.add(np.arange(2_000), vectors)
    index.wait()
    assert index.facts()["lists"] > 0
    exact = ExactIndex()
    exact.add(np.arange(2_000), vectors)
    floors, live = np.full(2_000, 0.25), np.ones(2_000, bool)
    expected = exact.search([vectors[:1]], floors, live)
    assert len(expected[0]) > 10
    assert index.search([vectors[:1]], floors, live) == expected
