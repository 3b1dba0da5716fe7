"""The exemplars in SQL: idempotent additions, removals, versions that replicas follow."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from adjudicate.documents import Exemplar
from adjudicate.errors import AdError, Code
from executors.library.index import FollowingIndex
from executors.library.store import ExemplarStore
from executors.library.thresholds import Thresholds
from tests.library.handmade import FIRST_AXIS, at_cosine, picture, wording

THRESHOLDS = Thresholds({"image": {}, "text": {}}, {"image": 0.8, "text": 0.8}, 1.0, "", "")


@pytest.fixture
def store(database: str) -> ExemplarStore:
    return ExemplarStore(database)


def added(store: ExemplarStore, exemplar: Exemplar) -> Exemplar:
    result = store.add([exemplar])[0]
    assert isinstance(result, Exemplar)
    return result


def test_what_was_added_is_read_back_whole(store: ExemplarStore) -> None:
    windows = [at_cosine(0.5), at_cosine(0.25)]
    exemplar = wording("治愈率98%", *windows, note="seen", added_by="ann", severity="high")
    held = added(store, exemplar)
    assert held.id == exemplar.id
    assert held.added_at.endswith("+00:00")
    got = store.get(held.id or "")
    assert got is not None
    assert (got.text, got.note, got.added_by, got.severity) == ("治愈率98%", "seen", "ann", "high")
    version, (entry,) = store.changes_since(0)
    assert version == store.version() == 1
    assert entry.text is not None
    assert np.array_equal(entry.text, np.stack(windows))
    assert entry.image is None


def test_pictures_come_only_when_asked_for(store: ExemplarStore) -> None:
    held = added(store, picture(b"\x89PNG"))
    plain, whole = store.get(held.id or ""), store.get(held.id or "", image=True)
    assert plain is not None
    assert plain.image is None
    assert whole is not None
    assert whole.image == b"\x89PNG"


def test_the_same_content_is_held_once(store: ExemplarStore) -> None:
    first = added(store, picture(b"a"))
    again = added(store, picture(b"a", note="again"))
    assert again.id == first.id
    assert again.added_at == first.added_at
    assert store.version() == 1
    assert store.count() == 1


def test_the_same_content_under_another_label_is_refused(store: ExemplarStore) -> None:
    first = added(store, picture(b"a"))
    refused = store.add([picture(b"a", polarity="lookalike")])[0]
    assert isinstance(refused, AdError)
    assert refused.code == Code.INVALID_FIELD
    assert first.id in refused.detail
    assert store.version() == 1


def test_another_encoder_takes_the_place_of_the_embeddings(store: ExemplarStore) -> None:
    first = added(store, picture(b"a", encoder_version="v1"))
    again = added(store, picture(b"a", at_cosine(0.5), encoder_version="v2"))
    assert (again.id, again.added_at) == (first.id, first.added_at)
    _, (entry,) = store.changes_since(1)
    assert entry.encoder_version == "v2"
    assert np.array_equal(entry.image, at_cosine(0.5))


def test_the_id_of_another_exemplar_is_refused(store: ExemplarStore) -> None:
    first = added(store, picture(b"a"))
    refused = store.add([picture(b"b", id=first.id)])[0]
    assert isinstance(refused, AdError)
    assert store.count() == 1


def test_a_removed_exemplar_is_gone_and_can_come_back(store: ExemplarStore) -> None:
    held = added(store, picture(b"a"))
    assert store.remove([held.id or "", "nothing"]) == [True, False]
    assert store.remove([held.id or ""]) == [False]
    assert store.get(held.id or "") is None
    assert store.page(10) == []
    back = added(store, picture(b"a", category="disease", rule="CN-AL-18"))
    assert (back.id, back.category) == (held.id, "disease")
    assert store.version() == 3


def test_a_page_is_filtered_and_the_newest_come_first(store: ExemplarStore) -> None:
    for i in range(4):
        added(store, picture(b"%d" % i, category="even" if i % 2 == 0 else "odd"))
    added(store, picture(b"good", polarity="lookalike", category="even", rule=""))
    assert [e.category for e in store.page(2, 1)] == ["odd", "even"]
    assert len(store.page(10, category="even", polarity="violation")) == 2
    assert len(store.page(10, polarity="lookalike")) == 1


def test_a_second_replica_follows_the_first(database: str) -> None:
    one, two = ExemplarStore(database), ExemplarStore(database)
    index = FollowingIndex(two, THRESHOLDS)
    assert index.current().entries == ()
    held = added(one, picture(b"a"))
    snapshot = index.current()
    assert [entry.id for entry in snapshot.entries] == [held.id]
    assert snapshot.image.search([FIRST_AXIS[None]])[0][0].place == 0
    assert index.current() is snapshot
    one.remove([held.id or ""])
    assert index.current().entries == ()


def test_only_what_changed_is_read_again(store: ExemplarStore) -> None:
    for i in range(3):
        added(store, picture(b"%d" % i))
    version, everything = store.changes_since(0)
    assert (version, len(everything)) == (3, 3)
    assert len(store.changes_since(2)[1]) == 1


def test_a_restored_backup_is_read_from_its_start(tmp_path: Path) -> None:
    old = ExemplarStore(f"sqlite:///{tmp_path / 'old.db'}")
    kept = added(old, picture(b"kept"))
    new = ExemplarStore(f"sqlite:///{tmp_path / 'new.db'}")
    for i in range(3):
        added(new, picture(b"%d" % i))
    index = FollowingIndex(new, THRESHOLDS)
    assert len(index.current().entries) == 3
    index._store = old
    assert [entry.id for entry in index.current().entries] == [kept.id]


def _add_ten(database: str, name: bytes) -> None:
    store = ExemplarStore(database)
    for i in range(10):
        added(store, picture(name + b"%d" % i))


def test_processes_that_start_and_write_together_lose_nothing(database: str) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_ten, args=(database, name)) for name in (b"a", b"b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0]
    store = ExemplarStore(database)
    assert (store.count(), store.version()) == (20, 20)
