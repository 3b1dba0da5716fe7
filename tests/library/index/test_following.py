"""Indexes that follow the table: what a snapshot sees, and that nothing reaches it later."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from executors.library.index import ExactIndex, FollowingIndex, Hit, Snapshot, Vectors
from executors.library.index import following as following_module
from tests.library.index.handmade import HandmadeStore, axis, entry
from tests.library.index.vectors import normed


def ids(snapshot: Snapshot, hits: Sequence[Hit]) -> list[str]:
    return [snapshot.entries[hit.place].id for hit in hits]


def found(snapshot: Snapshot, vector: Vectors, floor: float = 0.9, signal: Any = "image") -> list:
    floors = np.full(len(snapshot.entries), floor)
    return ids(snapshot, snapshot.search(signal, [vector[None]], floors)[0])


@pytest.fixture
def store() -> HandmadeStore:
    return HandmadeStore()


@pytest.fixture
def index(store: HandmadeStore) -> FollowingIndex:
    return FollowingIndex(store)


def test_what_was_added_counts_from_the_next_search_on(
    store: HandmadeStore, index: FollowingIndex
) -> None:
    assert index.current("v1").count == 0
    store.put(entry("a", axis(0)))
    snapshot = index.current("v1")
    assert found(snapshot, axis(0)) == ["a"]
    assert (snapshot.version, snapshot.count, snapshot.dimension) == (1, 1, 8)
    assert snapshot.complete


def test_only_what_changed_is_read(store: HandmadeStore, index: FollowingIndex) -> None:
    store.put(*(entry(str(i), axis(i % 8)) for i in range(100)))
    index.current("v1")
    store.put(entry("new", axis(3)))
    index.current("v1")
    assert index.current("v1") is index.current("v1")
    assert store.asked == [(-1, "v1"), (1, "v1")]
    assert store.read == 101


def test_removed_and_switched_off_exemplars_match_no_more_and_come_back(
    store: HandmadeStore, index: FollowingIndex
) -> None:
    store.put(entry("a", axis(0)), entry("b", axis(0)))
    before = index.current("")
    store.put(entry("a", axis(0), enabled=False))
    after = index.current("")
    assert found(after, axis(0)) == ["b"]
    assert after.count == 1
    store.put(entry("a", axis(0)))
    assert sorted(found(index.current(""), axis(0))) == ["a", "b"]
    assert sorted(found(before, axis(0))) == ["a", "b"]


def test_a_changed_exemplar_is_found_by_what_it_is_now(
    store: HandmadeStore, index: FollowingIndex
) -> None:
    store.put(entry("a", axis(0)))
    index.current("")
    store.put(entry("a", axis(1), category="disease"))
    snapshot = index.current("")
    assert found(snapshot, axis(0)) == []
    (hit,) = snapshot.search("image", [axis(1)[None]], np.full(len(snapshot.entries), 0.9))[0]
    assert snapshot.entries[hit.place].category == "disease"


def test_a_snapshot_sees_nothing_that_came_later(
    store: HandmadeStore, index: FollowingIndex
) -> None:
    store.put(entry("a", axis(0)))
    snapshot = index.current("")
    store.put(entry("b", axis(0)), entry("a", axis(0), enabled=False))
    index.current("")
    assert found(snapshot, axis(0)) == ["a"]
    assert ids(snapshot, snapshot.nearest("image", [axis(0)[None]], 5)[0]) == ["a"]
    assert len(snapshot.entries) == len(snapshot.live) == 1


def test_searches_that_run_while_exemplars_are_added_see_whole_versions(
    store: HandmadeStore, index: FollowingIndex
) -> None:
    # Version n holds n exemplars, all alike: a torn view would find another number.
    vector = normed(np.random.default_rng(0), 1, 64)[0]
    stop = threading.Event()
    wrong: list[tuple[int, int]] = []
    seen: set[int] = set()

    def search() -> None:
        while not stop.is_set():
            snapshot = index.current("")
            number = len(found(snapshot, vector))
            seen.add(number)
            if number != snapshot.version:
                wrong.append((snapshot.version, number))

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(300):
        store.put(entry(str(number), vector))
        index.current("")
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(seen) > 3


def test_an_exemplar_without_embeddings_of_the_encoder_is_missing_until_it_has_them(
    store: HandmadeStore, index: FollowingIndex
) -> None:
    store.put(entry("a", axis(0)), entry("b", embedded=False), entry("c", axis(0, dimension=4)))
    store.put(entry("off", embedded=False, enabled=False))
    snapshot = index.current("v2")
    assert (snapshot.missing, snapshot.complete, snapshot.count) == (2, False, 1)
    store.put(entry("b", axis(1)), entry("c", enabled=False, embedded=False))
    assert index.current("v2").complete


def test_each_encoder_has_its_own_index_and_the_two_last_used_are_kept(
    store: HandmadeStore, index: FollowingIndex
) -> None:
    store.put(entry("a", axis(0)))
    for version in ("v1", "v2", "v1", "v3"):
        assert found(index.current(version), axis(0)) == ["a"]
    assert [snapshot.encoder_version for snapshot in index.loaded()] == ["v1", "v3"]
    assert [version for _, version in store.asked] == ["v1", "v2", "v3"]


def test_a_table_that_went_back_is_read_anew(store: HandmadeStore, index: FollowingIndex) -> None:
    store.put(entry("a", axis(0)))
    store.put(entry("b", axis(1)))
    index.current("")
    store.entries.clear()
    store.now = 0
    store.put(entry("c", axis(1)))
    snapshot = index.current("")
    assert (found(snapshot, axis(0)), found(snapshot, axis(1))) == ([], ["c"])


def test_text_serves_copy_and_picture_with_floors_of_their_own(
    store: HandmadeStore, index: FollowingIndex
) -> None:
    windows = np.stack([axis(0), axis(1)])
    store.put(entry("claim", text=windows), entry("other", axis(0), category="disease"))
    snapshot = index.current("")
    assert found(snapshot, axis(1), signal="text") == ["claim"]
    assert found(snapshot, axis(1), signal="image-text") == ["claim"]
    assert found(snapshot, axis(0), signal="image") == ["other"]
    floors = snapshot.floors(lambda category: {"cure": 0.5, "disease": np.inf}[category])
    assert floors.tolist() == [0.5, np.inf]
    assert snapshot.search("image", [axis(0)[None]], floors) == [[]]


def test_removed_exemplars_give_their_memory_back(
    store: HandmadeStore, index: FollowingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "COMPACT_FROM", 10)
    store.put(*(entry(str(i), axis(i % 8)) for i in range(40)))
    index.current("")
    store.put(*(entry(str(i), axis(i % 8), enabled=False) for i in range(32)))
    index.current("")
    index.wait()
    snapshot = index.current("")
    assert len(snapshot.entries) == snapshot.count == 8
    assert sorted(found(snapshot, axis(0))) == ["32"]
    store.put(entry("new", axis(0)))
    assert sorted(found(index.current(""), axis(0))) == ["32", "new"]


class FailsOnce(ExactIndex):
    """An index whose first addition fails, as a server's may."""

    failed = False

    def add(self, places: Any, vectors: Any) -> None:
        if not FailsOnce.failed:
            FailsOnce.failed = True
            raise ConnectionError("gone")
        super().add(places, vectors)


def test_a_failed_addition_is_made_up_for_by_the_next_search(store: HandmadeStore) -> None:
    FailsOnce.failed = False
    index = FollowingIndex(store, lambda *_: FailsOnce())
    store.put(entry("a", axis(0)), entry("b", axis(1)))
    with pytest.raises(ConnectionError):
        index.current("")
    snapshot = index.current("")
    assert (found(snapshot, axis(0)), found(snapshot, axis(1))) == (["a"], ["b"])
    assert snapshot.count == 2
