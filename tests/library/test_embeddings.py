"""Embeddings of several encoders side by side: what is missing, what is new, what is dropped."""

import numpy as np
import pytest

from adjudicate.documents import Exemplar
from executors.library.embeddings import EmbeddingStore, batches
from executors.library.store import ExemplarStore
from tests.library.handmade import at_cosine, picture


@pytest.fixture
def store(database: str) -> ExemplarStore:
    store = ExemplarStore(database)
    store.add([picture(b"%d" % i, encoder_version="old") for i in range(5)])
    return store


@pytest.fixture
def embeddings(store: ExemplarStore) -> EmbeddingStore:
    return EmbeddingStore(store.engine)


def embedded(exemplar: Exemplar, version: str = "new") -> Exemplar:
    exemplar.image_embedding, exemplar.encoder_version = at_cosine(0.5), version
    return exemplar


def test_missing_ones_come_with_their_pictures_in_batches_each_once(
    embeddings: EmbeddingStore,
) -> None:
    groups = list(batches(embeddings, "new", 2))
    assert [len(group) for group in groups] == [2, 2, 1]
    pictures = {exemplar.image for group in groups for exemplar in group}
    assert pictures == {b"%d" % i for i in range(5)}
    assert list(batches(embeddings, "old", 2)) == []


def test_what_is_written_is_no_longer_missing(
    store: ExemplarStore, embeddings: EmbeddingStore
) -> None:
    first = next(batches(embeddings, "new", 2))
    before = store.version()
    assert embeddings.write([embedded(exemplar) for exemplar in first]) == 2
    assert embeddings.counts() == {"new": 2, "old": 5}
    assert len(embeddings.missing("new", 10)) == 3
    assert store.version() == before + 1
    # The new encoder's index reads two; the old one's, which serves, reads nothing again.
    assert {e.id for e in store.changes_since(before, "new")[1]} == {e.id for e in first}
    assert list(store.changes_since(before, "old")[1]) == []
    (entry, _) = store.changes_since(before, "new")[1]
    assert np.array_equal(entry.image, at_cosine(0.5))


def test_writing_twice_changes_nothing(store: ExemplarStore, embeddings: EmbeddingStore) -> None:
    group = [embedded(exemplar) for exemplar in embeddings.missing("new", 10)]
    assert embeddings.write(group) == 5
    now = store.version()
    assert embeddings.write(group) == 0
    assert store.version() == now


def test_an_exemplar_that_is_gone_is_left_out(embeddings: EmbeddingStore) -> None:
    never = embedded(picture(b"never added"))
    assert embeddings.write([never]) == 0


def test_switched_off_exemplars_are_embedded_and_removed_ones_are_not(
    store: ExemplarStore, embeddings: EmbeddingStore
) -> None:
    one, other = (exemplar.id or "" for exemplar in store.page(2))
    store.remove([one])
    assert embeddings.exemplars() == 4
    missing = {exemplar.id for exemplar in embeddings.missing("new", 10)}
    assert one not in missing
    assert other in missing
    assert embeddings.counts() == {"old": 4}


def test_dropped_embeddings_are_gone_and_the_index_hears_of_it(
    store: ExemplarStore, embeddings: EmbeddingStore
) -> None:
    before = store.version()
    assert embeddings.drop("old") == 5
    assert embeddings.counts() == {}
    entries = list(store.changes_since(before, "old")[1])
    assert [entry.embedded for entry in entries] == [False] * 5
    assert embeddings.drop("old") == 0
    assert store.version() == before + 1
