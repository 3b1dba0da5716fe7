"""The sample and the references in SQL."""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest

from executors.library.quality import samples
from executors.library.quality.samples import SampleStore
from tests.quality.made import ENCODER, START, sample


@pytest.fixture
def open_store(any_database: str) -> Iterator[Callable[..., SampleStore]]:
    opened: list[SampleStore] = []

    def make(most: int = 1_000) -> SampleStore:
        opened.append(SampleStore(any_database, most))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def later(minutes: int) -> str:
    return (datetime.fromisoformat(START) + timedelta(minutes=minutes)).isoformat(
        timespec="milliseconds"
    )


def reference(encoder: str, note: str) -> dict[str, object]:
    texts = {"since": START, "until": START, "created_by": "mei", "created_at": START}
    return {
        **texts,
        "encoder_version": encoder,
        "library_version": 3,
        "ads": 200,
        "content": "{}",
        "note": note,
    }


def test_a_sample_comes_back_as_it_was(open_store: Callable[..., SampleStore]) -> None:
    store = open_store()
    kept = sample(0.25, np.linspace(-1, 1, 64), library=7)
    bare = dataclasses.replace(kept, cosines={}, image_sketch=None, text_sketch=kept.image_sketch)
    store.add([kept, bare])
    store.add([])
    count, found = store.window(ENCODER, "", later(1))
    assert count == 2
    assert [one.cosines for one in found] == [{"image": 0.25}, {}]
    assert np.array_equal(found[0].image_sketch, kept.image_sketch)
    assert found[0].text_sketch is None
    assert found[1].image_sketch is None
    assert np.array_equal(found[1].text_sketch, kept.image_sketch)
    assert store.newest() == (ENCODER, 7)


def test_a_window_has_one_encoders_samples_after_its_beginning(
    open_store: Callable[..., SampleStore],
) -> None:
    store = open_store()
    store.add([sample(at=later(minute)) for minute in range(5)])
    store.add([sample(at=later(3), encoder="another")])
    count, found = store.window(ENCODER, later(1), later(3))
    assert (count, [one.at for one in found]) == (2, [later(2), later(3)])
    assert store.newest()[0] == "another"


def test_only_the_newest_are_kept(open_store: Callable[..., SampleStore]) -> None:
    store = open_store(most=10)
    for start in range(0, 30, 5):
        store.add([sample(at=later(minute)) for minute in range(start, start + 5)])
    count, found = store.window(ENCODER, "", later(99))
    assert (count, found[0].at, found[-1].at) == (10, later(20), later(29))


def test_of_a_long_window_what_is_read_lies_evenly_in_it(
    open_store: Callable[..., SampleStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MOST_READ", 10)
    store = open_store()
    store.add([sample(at=later(minute)) for minute in range(95)])
    count, found = store.window(ENCODER, "", later(99))
    assert count == 95
    minutes = [
        (datetime.fromisoformat(one.at) - datetime.fromisoformat(START)).seconds // 60
        for one in found
    ]
    assert len(minutes) in (9, 10)
    assert set(np.diff(minutes)) == {10}


def test_the_last_reference_of_an_encoder_counts(open_store: Callable[..., SampleStore]) -> None:
    store = open_store()
    assert store.reference(ENCODER) is None
    assert store.newest_reference() is None
    for encoder, note in ((ENCODER, "first"), (ENCODER, "second"), ("another", "third")):
        store.add_reference(reference(encoder, note))
    mine, newest = store.reference(ENCODER), store.newest_reference()
    assert mine is not None
    assert mine.note == "second"
    assert newest is not None
    assert newest.note == "third"
    assert open_store().newest_reference() is not None, "it outlives the process"
