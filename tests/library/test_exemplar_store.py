"""The exemplars in SQL: idempotent additions, removals, versions that replicas follow."""

import multiprocessing
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from adjudicate.documents import Exemplar
from adjudicate.errors import AdError, Code, ConfigurationError
from executors.library.store import SORTS, Entry, ExemplarStore
from tests.library.handmade import at_cosine, picture, wording


@pytest.fixture
def store(database: str) -> ExemplarStore:
    return ExemplarStore(database)


def added(store: ExemplarStore, exemplar: Exemplar) -> Exemplar:
    result = store.add([exemplar])[0]
    assert isinstance(result, Exemplar)
    return result


def changed(store: ExemplarStore, version: int, encoder_version: str = "") -> list[Entry]:
    return list(store.changes_since(version, encoder_version)[1])


def test_what_was_added_is_read_back_whole(store: ExemplarStore) -> None:
    windows = [at_cosine(0.5), at_cosine(0.25)]
    labels = {"note": "seen", "added_by": "ann", "severity": "high", "bank": "spring"}
    exemplar = wording("治愈率98%", *windows, **labels)
    held = added(store, exemplar)
    assert held.id == exemplar.id
    assert held.added_at.endswith("+00:00")
    got = store.get(held.id or "")
    assert got is not None
    assert got.text == "治愈率98%"
    assert {name: getattr(got, name) for name in labels} == labels
    assert got.content_hash == held.content_hash
    (entry,) = changed(store, 0)
    assert store.version() == 1
    assert entry.text is not None
    assert np.array_equal(entry.text, np.stack(windows))
    assert entry.image is None
    assert (entry.enabled, entry.embedded, entry.bank) == (True, True, "spring")


def test_pictures_come_only_when_asked_for(store: ExemplarStore) -> None:
    held = added(store, picture(b"\x89PNG"))
    plain, whole = store.get(held.id or ""), store.get(held.id or "", image=True)
    assert plain is not None
    assert plain.image is None
    assert whole is not None
    assert whole.image == b"\x89PNG"


def test_the_same_content_is_held_once_and_the_answer_says_what_it_repeats(
    store: ExemplarStore,
) -> None:
    first = added(store, picture(b"a"))
    again = added(store, picture(b"a", note="again"))
    assert (first.repeats, again.repeats) == ("", first.id)
    assert (again.id, again.added_at, again.note) == (first.id, first.added_at, "")
    assert (store.version(), store.count()) == (1, 1)


def test_the_same_content_twice_in_one_group_is_held_once(store: ExemplarStore) -> None:
    first, again, other = store.add([picture(b"a"), picture(b"a"), picture(b"b")])
    assert isinstance(first, Exemplar)
    assert isinstance(again, Exemplar)
    assert isinstance(other, Exemplar)
    assert (again.repeats, other.repeats) == (first.id, "")
    assert (store.version(), store.count()) == (1, 2)


def test_the_same_content_under_another_label_is_refused(store: ExemplarStore) -> None:
    first = added(store, picture(b"a"))
    refused = store.add([picture(b"a", polarity="lookalike")])[0]
    assert isinstance(refused, AdError)
    assert refused.code == Code.INVALID_FIELD
    assert first.id in refused.detail
    assert store.version() == 1


def test_a_contradiction_within_a_group_is_refused_alone(store: ExemplarStore) -> None:
    first, refused, other = store.add(
        [picture(b"a"), picture(b"a", category="other"), picture(b"b")]
    )
    assert isinstance(first, Exemplar)
    assert isinstance(refused, AdError)
    assert isinstance(other, Exemplar)
    assert store.count() == 2


def test_another_encoders_embeddings_stand_beside_the_first(store: ExemplarStore) -> None:
    first = added(store, picture(b"a", encoder_version="v1"))
    again = added(store, picture(b"a", at_cosine(0.5), encoder_version="v2"))
    assert (again.id, again.added_at) == (first.id, first.added_at)
    (old,), (new,) = changed(store, 0, "v1"), changed(store, 0, "v2")
    assert np.array_equal(old.image, at_cosine(1.0))
    assert np.array_equal(new.image, at_cosine(0.5))
    # What follows the first encoder has nothing to read again.
    assert changed(store, 1, "v1") == []
    assert [entry.id for entry in changed(store, 1, "v2")] == [first.id]


def test_an_exemplar_without_embeddings_of_a_version_says_so(store: ExemplarStore) -> None:
    added(store, picture(b"a", encoder_version="v1"))
    (entry,) = changed(store, -1, "v2")
    assert (entry.embedded, entry.enabled, entry.image) == (False, True, None)


def test_the_id_of_another_exemplar_is_refused(store: ExemplarStore) -> None:
    first = added(store, picture(b"a"))
    refused = store.add([picture(b"b", id=first.id)])[0]
    assert isinstance(refused, AdError)
    assert store.count() == 1


def test_a_dry_run_answers_the_same_and_stores_nothing(store: ExemplarStore) -> None:
    held = added(store, picture(b"a"))
    group = [picture(b"a"), picture(b"b", bank="new"), picture(b"a", polarity="lookalike")]
    repeated, new, refused = store.add(group, dry_run=True)
    assert isinstance(repeated, Exemplar)
    assert repeated.repeats == held.id
    assert isinstance(new, Exemplar)
    assert new.content_hash
    assert isinstance(refused, AdError)
    assert (store.version(), store.count(), len(store.page(10))) == (1, 1, 1)


def test_a_removed_exemplar_is_gone_and_can_come_back(store: ExemplarStore) -> None:
    held = added(store, picture(b"a"))
    assert store.remove([held.id or "", "nothing"]) == [True, False]
    assert store.remove([held.id or ""]) == [False]
    assert store.get(held.id or "") is None
    assert store.page(10) == []
    assert store.held([held.content_hash]) == {}
    assert [entry.enabled for entry in changed(store, 1)] == [False]
    back = added(store, picture(b"a", category="disease", rule="CN-AL-18"))
    assert (back.id, back.category, back.repeats) == (held.id, "disease", "")
    assert [entry.category for entry in changed(store, 2)] == ["disease"]
    assert store.version() == 3


def test_removing_one_id_twice_in_a_request_finds_it_once(store: ExemplarStore) -> None:
    held = added(store, picture(b"a"))
    assert store.remove([held.id or "", held.id or ""]) == [True, False]


def test_who_and_when_can_be_given(store: ExemplarStore) -> None:
    then = "2024-05-06T07:08:09.000000+00:00"
    held = added(store, picture(b"a", added_by="ann", added_at=then))
    assert (held.added_by, held.added_at) == ("ann", then)


def test_what_is_held_is_told_by_content(store: ExemplarStore) -> None:
    held = added(store, picture(b"a"))
    found = store.held([held.content_hash, "0" * 64])
    assert {content: exemplar.id for content, exemplar in found.items()} == {
        held.content_hash: held.id
    }
    assert found[held.content_hash].image is None


def test_more_contents_than_one_statement_takes(store: ExemplarStore) -> None:
    exemplars = [picture(b"%d" % i) for i in range(1_200)]
    hashes = [e.content_hash for e in store.add(exemplars) if isinstance(e, Exemplar)]
    assert len(store.held(hashes)) == 1_200
    assert len(changed(store, -1)) == 1_200
    assert all(e.repeats for e in store.add(exemplars) if isinstance(e, Exemplar))


def test_a_page_is_filtered_and_the_newest_come_first(store: ExemplarStore) -> None:
    for i in range(4):
        added(store, picture(b"%d" % i, category="even" if i % 2 == 0 else "odd"))
    added(store, picture(b"good", polarity="lookalike", category="even", rule="", bank="b"))
    assert [e.category for e in store.page(2, 1)] == ["odd", "even"]
    assert len(store.page(10, category="even", polarity="violation")) == 2
    assert len(store.page(10, polarity="lookalike")) == 1
    assert len(store.page(10, bank="b")) == 1


def test_a_listing_by_id_goes_on_after_an_id(store: ExemplarStore) -> None:
    store.add([picture(b"%d" % i) for i in range(5)])
    seen: list[str] = []
    while page := store.page(2, sort="id", after=seen[-1] if seen else ""):
        seen += [exemplar.id or "" for exemplar in page]
    assert seen == sorted(seen)
    assert len(set(seen)) == 5


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_lists_every_exemplar(store: ExemplarStore, sort: str) -> None:
    store.add([picture(b"%d" % i) for i in range(3)])
    assert len({exemplar.id for exemplar in store.page(10, sort=sort)}) == 3


def test_only_what_changed_is_read_again(store: ExemplarStore) -> None:
    for i in range(3):
        added(store, picture(b"%d" % i))
    assert (store.version(), len(changed(store, 0))) == (3, 3)
    assert len(changed(store, 2)) == 1


def test_tables_of_an_earlier_release_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE exemplars (id TEXT PRIMARY KEY, image BLOB, revision INT)")
    with pytest.raises(ConfigurationError, match=r"ADJUDICATE_DATABASE.*no release that.*export"):
        ExemplarStore(f"sqlite:///{path}")
    with sqlite3.connect(path) as old:
        names = {row[0] for row in old.execute("SELECT name FROM sqlite_master")}
    assert "banks" not in names


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
