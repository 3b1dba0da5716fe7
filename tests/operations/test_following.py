"""`adjudicate library reembed --follow`: a second encoder has what is added, while it is added."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Exemplar
from executors.library.embeddings import EmbeddingStore
from executors.library.store import ExemplarStore
from executors.reembed import Reembedding
from tests.encoder.random_clip import SMALL, save_random
from tests.library.handmade import at_cosine

WAIT_S = 120


class Follower:
    """One that runs in a thread, and what it says."""

    def __init__(self, work: Reembedding) -> None:
        self.work = work
        self.said: list[tuple[int, list[str]]] = []
        self.more = threading.Condition()
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait_for(self, embedded: int, problems: int = 0) -> None:
        def enough() -> bool:
            done = sum(count for count, _ in self.said)
            return done >= embedded and len([p for _, each in self.said for p in each]) >= problems

        with self.more:
            assert self.more.wait_for(enough, WAIT_S), self.said

    def end(self) -> None:
        self.stop.set()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        self.work.close()

    def _run(self) -> None:
        for one in self.work.follow(4, 0.05, self.stop):
            with self.more:
                self.said.append(one)
                self.more.notify_all()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("models") / "new", SMALL, torch.float16)


@pytest.fixture
def store(any_database: str) -> Iterator[ExemplarStore]:
    opened = ExemplarStore(any_database)
    yield opened
    opened.close()


@pytest.fixture
def follower(store: ExemplarStore, any_database: str, model: Path) -> Iterator[Follower]:
    add(store, "a", "b", "c", "d", "e")
    running = Follower(Reembedding(any_database, {"model": str(model)}))
    yield running
    running.end()


def add(store: ExemplarStore, *texts: str) -> None:
    """As the service with the old encoder does."""
    for text in texts:
        old = {"encoder_version": "old", "text_embedding": at_cosine(0.5)[None]}
        store.add([Exemplar(text=text, category="cure", rule="R", **old)])


def test_what_is_added_is_embedded_by_the_second_encoder_too(
    store: ExemplarStore, follower: Follower
) -> None:
    embeddings = EmbeddingStore(store.engine)
    follower.wait_for(5)
    add(store, "f")
    follower.wait_for(6)
    add(store, "0 comes first by any order", "z")
    follower.wait_for(8)
    assert embeddings.counts() == {"old": 8, follower.work.version: 8}
    assert embeddings.missing(follower.work.version, 10) == []


def test_it_goes_on_when_the_database_was_away(
    store: ExemplarStore, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.wait_for(5)
    version = follower.work._store.version

    def away() -> int:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr(follower.work._store, "version", away)
    follower.wait_for(5, problems=1)
    add(store, "f")
    monkeypatch.setattr(follower.work._store, "version", version)
    follower.wait_for(6)
    problems = [problem for _, each in follower.said for problem in each]
    assert problems == ["the database does not answer, trying on: connection refused"]


def test_what_cannot_be_embedded_is_said_once(store: ExemplarStore, follower: Follower) -> None:
    follower.wait_for(5)
    broken = Exemplar(image=b"no picture", encoder_version="old", image_embedding=at_cosine(0.5))
    store.add([broken])
    follower.wait_for(5, problems=1)
    add(store, "f", "g")
    follower.wait_for(7)
    add(store, "h")
    follower.wait_for(8)
    assert len([problem for _, each in follower.said for problem in each]) == 1
