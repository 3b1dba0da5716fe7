"""Banks, switches and edits: what they change, and that who and when can be answered."""

import pytest

from adjudicate.documents import Exemplar
from adjudicate.errors import AdError, Code
from executors.library.curation import Curation
from executors.library.store import ExemplarStore
from tests.library.handmade import picture


@pytest.fixture
def store(database: str) -> ExemplarStore:
    return ExemplarStore(database)


@pytest.fixture
def curation(store: ExemplarStore) -> Curation:
    return Curation(store.engine)


def added(store: ExemplarStore, content: bytes, **fields: str) -> str:
    (held,) = store.add([picture(content, **fields)])
    assert isinstance(held, Exemplar)
    return held.id or ""


def anything(exemplar: Exemplar) -> None:
    """Lets every edit pass."""


def in_use(store: ExemplarStore, since: int) -> dict[str, bool]:
    return {entry.id: entry.enabled for entry in store.changes_since(since, "")[1]}


def test_a_switched_off_exemplar_is_listed_and_matches_nothing(
    store: ExemplarStore, curation: Curation
) -> None:
    one, other = added(store, b"1"), added(store, b"2")
    before = store.version()
    held = curation.set(one, {"enabled": False}, anything, by="ann", why="flags vitamins")
    assert not held.enabled
    assert in_use(store, before) == {one: False}
    assert {exemplar.id for exemplar in store.page(10)} == {one, other}
    curation.set(one, {"enabled": True}, anything)
    assert in_use(store, before) == {one: True}
    assert store.count() == 2


def test_a_bank_switches_all_its_exemplars_and_no_other(
    store: ExemplarStore, curation: Curation
) -> None:
    inside = [added(store, b"%d" % i, bank="spring") for i in range(3)]
    outside = added(store, b"o")
    before = store.version()
    bank = curation.switch("spring", False, by="ann", note="season is over")
    assert (bank.enabled, bank.exemplars, bank.note) == (False, 3, "season is over")
    assert store.version() == before + 1
    assert in_use(store, before) == dict.fromkeys(inside, False)
    assert store.count() == 1
    curation.switch("spring", True)
    assert in_use(store, before) == dict.fromkeys(inside, True)
    assert in_use(store, -1)[outside]


def test_what_is_off_by_itself_stays_off_when_its_bank_comes_back(
    store: ExemplarStore, curation: Curation
) -> None:
    one, other = added(store, b"1"), added(store, b"2")
    curation.set(one, {"enabled": False}, anything)
    curation.switch("main", False)
    curation.switch("main", True)
    assert in_use(store, -1) == {one: False, other: True}
    (main,) = curation.banks()
    assert (main.exemplars, main.disabled) == (2, 1)


def test_an_exemplar_added_to_a_bank_that_is_off_matches_nothing(
    store: ExemplarStore, curation: Curation
) -> None:
    curation.switch("drafts", False)
    new = added(store, b"1", bank="drafts")
    assert in_use(store, -1) == {new: False}
    curation.set(new, {"bank": "main"}, anything)
    assert in_use(store, -1) == {new: True}


def test_a_note_on_a_bank_moves_no_exemplar(store: ExemplarStore, curation: Curation) -> None:
    added(store, b"1")
    before = store.version()
    curation.switch("main", None, note="checked")
    assert store.version() == before


def test_edits_reach_the_index_and_setting_the_same_does_not(
    store: ExemplarStore, curation: Curation
) -> None:
    one = added(store, b"1")
    before = store.version()
    edit = {"category": "disease", "rule": "CN-AL-18", "severity": "low", "note": "seen twice"}
    held = curation.set(one, edit, anything)
    assert {name: getattr(held, name) for name in edit} == edit
    (entry,) = store.changes_since(before, "")[1]
    assert (entry.category, entry.rule, entry.severity) == ("disease", "CN-AL-18", "low")
    now = store.version()
    curation.set(one, edit, anything)
    assert store.version() == now


def test_an_edit_that_makes_no_sound_exemplar_changes_nothing(
    store: ExemplarStore, curation: Curation
) -> None:
    one = added(store, b"1")

    def refuse(exemplar: Exemplar) -> None:
        assert exemplar.rule == "NO-SUCH"
        raise AdError(Code.INVALID_FIELD)

    before = store.version()
    with pytest.raises(AdError):
        curation.set(one, {"rule": "NO-SUCH"}, refuse)
    held = store.get(one)
    assert held is not None
    assert held.rule == "CN-AL-16"
    assert store.version() == before
    assert curation.log(10) == []


@pytest.mark.parametrize("removed", [True, False])
def test_what_is_not_held_cannot_be_set(
    store: ExemplarStore, curation: Curation, removed: bool
) -> None:
    gone = added(store, b"1") if removed else "nothing"
    store.remove([gone])
    with pytest.raises(AdError) as refused:
        curation.set(gone, {"note": "x"}, anything)
    assert refused.value.code == Code.NOT_FOUND


def test_the_log_says_who_did_what_and_why(store: ExemplarStore, curation: Curation) -> None:
    one, other = added(store, b"1", bank="spring"), added(store, b"2")
    curation.set(one, {"enabled": False, "rule": "CN-AL-18"}, anything, by="ann", why="too wide")
    curation.switch("spring", False, by="bob", note="over")
    store.remove([one, other], by="eve", note="duplicates")
    said = [(c.what, c.by, c.note, c.exemplar_id, c.bank) for c in curation.log(10)]
    assert sorted(said[:2]) == sorted(
        [("removed", "eve", "duplicates", e, "") for e in (one, other)]
    )
    assert said[2:] == [
        ("switched off", "bob", "over", "", "spring"),
        ("rule CN-AL-16 → CN-AL-18, disabled", "ann", "too wide", one, ""),
    ]
    assert [change.what for change in curation.log(10, exemplar_id=one)] == [
        "removed",
        "switched off",
        "rule CN-AL-16 → CN-AL-18, disabled",
    ]
    assert all(change.at.endswith("+00:00") for change in curation.log(10))


def test_bringing_a_removed_exemplar_back_is_logged(
    store: ExemplarStore, curation: Curation
) -> None:
    one = added(store, b"1")
    store.remove([one], by="eve")
    added(store, b"1", added_by="ann")
    said = [(change.what, change.by) for change in curation.log(10, exemplar_id=one)]
    assert said == [("added again", "ann"), ("removed", "eve")]


def test_banks_are_there_as_soon_as_an_exemplar_names_them(
    store: ExemplarStore, curation: Curation
) -> None:
    assert [bank.name for bank in curation.banks()] == ["main"]
    added(store, b"1", bank="spring")
    banks = curation.banks()
    assert [(bank.name, bank.enabled, bank.exemplars) for bank in banks] == [
        ("main", True, 0),
        ("spring", True, 1),
    ]
