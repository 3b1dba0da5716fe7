"""A trail that somebody has changed is found out, with the first entry that is not right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from adjudicate.audit.chain import hash_of
from adjudicate.documents import AuditCheck, Case, Decision
from executors.ledger.audit import reading
from executors.ledger.audit.trail import read_head
from executors.ledger.audit.verifying import Verifier
from executors.ledger.recorder import Recorder
from executors.ledger.store import DECISIONS, EVIDENCE, DecisionStore
from executors.shared.settings import DecisionSettings
from tests.ledger.audit.trails import tamper, write


@pytest.fixture
def store(any_database: str) -> Iterator[DecisionStore]:
    opened = DecisionStore(any_database)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "READ_AT_ONCE", 4)


def verify(store: DecisionStore, head: str = "") -> AuditCheck:
    return Verifier(store.engine, DECISIONS, EVIDENCE).verify(AuditCheck(head=head))


def head_of(engine: Engine) -> str:
    with engine.connect() as connection:
        return read_head(connection).hash


def decide(store: DecisionStore, *copies: str) -> list[Decision]:
    cases = [Case(ad_id=copy, text=copy, content_hash="c" * 64) for copy in copies]
    return Recorder(store, DecisionSettings()).settle(cases)


def test_a_trail_that_nobody_touched_is_whole(store: DecisionStore) -> None:
    assert verify(store).whole
    write(store.engine, 11)
    found = verify(store)
    assert (found.whole, found.entries, found.broken, found.why) == (True, 11, 0, "")
    assert found.head == head_of(store.engine)


CHANGED = "entry 6 was changed: its hash is not that of what it says"


@pytest.mark.parametrize(
    ("statement", "broken", "why"),
    [
        ("UPDATE audit_entries SET subject = 'x' WHERE number = 6", 6, CHANGED),
        ("UPDATE audit_entries SET \"by\" = 'key:b' WHERE number = 6", 6, CHANGED),
        ("UPDATE audit_entries SET at = '1999' WHERE number = 6", 6, CHANGED),
        ("UPDATE audit_entries SET what = 'ruled' WHERE number = 6", 6, CHANGED),
        ("UPDATE audit_entries SET facts = '{}' WHERE number = 6", 6, CHANGED),
        (
            "UPDATE audit_entries SET facts = facts || ' ' WHERE number = 6",
            6,
            "entry 6 was changed: its facts are not written as an entry's are",
        ),
        (
            "UPDATE audit_entries SET facts = 'none' WHERE number = 6",
            6,
            "entry 6 was changed: its facts are not written as an entry's are",
        ),
        ("DELETE FROM audit_entries WHERE number = 6", 6, "entry 6 is missing"),
        ("DELETE FROM audit_entries WHERE number IN (6, 7)", 6, "entries 6 to 7 are missing"),
        ("DELETE FROM audit_entries WHERE number = 1", 1, "entry 1 is missing"),
        ("DELETE FROM audit_entries WHERE number > 9", 10, "entries 10 to 11 are missing"),
        ("DELETE FROM audit_entries", 1, "entries 1 to 11 are missing"),
        (
            "INSERT INTO audit_entries SELECT 12, at, what, subject, \"by\", facts, hash, 'x' "
            "FROM audit_entries WHERE number = 11",
            12,
            "entry 12 stands behind the end, which is entry 11",
        ),
        (
            "INSERT INTO audit_entries SELECT 0, at, what, subject, \"by\", facts, hash, 'x' "
            "FROM audit_entries WHERE number = 11",
            1,
            "entry 0 stands after entry 0",
        ),
    ],
)
def test_what_was_changed_is_named(
    store: DecisionStore, statement: str, broken: int, why: str
) -> None:
    write(store.engine, 11)
    tamper(store.engine, statement)
    found = verify(store)
    assert (found.whole, found.broken, found.why) == (False, broken, why)


def test_entries_that_changed_places_are_found(store: DecisionStore) -> None:
    write(store.engine, 11)
    swap = "UPDATE audit_entries SET number = {} WHERE number = {}"
    tamper(store.engine, swap.format(-1, 5), swap.format(5, 6), swap.format(6, -1))
    found = verify(store)
    assert (found.whole, found.broken) == (False, 5)


def rewrite(engine: Engine, last: int, count: int) -> None:
    """As somebody does who knows how: takes the end away and goes on from there."""
    cut = "DELETE FROM audit_entries WHERE number > {}"
    end = (
        "UPDATE audit_head SET number = {0}, "
        "hash = (SELECT hash FROM audit_entries WHERE number = {0})"
    )
    if engine.dialect.name == "sqlite":
        tamper(engine, "DROP TRIGGER IF EXISTS audit_head_forward")
    tamper(engine, cut.format(last), end.format(last))
    write(engine, count, by="key:another")


@pytest.mark.parametrize("added", [0, 4])
def test_a_noted_end_shows_what_was_taken_away_or_written_anew(
    store: DecisionStore, added: int
) -> None:
    write(store.engine, 11)
    noted = head_of(store.engine)
    write(store.engine, 3)
    assert verify(store, noted).whole
    rewrite(store.engine, 8, added)
    assert verify(store).whole  # of itself it cannot know
    found = verify(store, noted)
    assert not found.whole
    assert found.why == (
        "the noted end is not in the trail: entries were taken away or written anew since"
    )


def test_one_entry_written_anew_does_not_fit_its_neighbours(store: DecisionStore) -> None:
    write(store.engine, 3)
    forged = "UPDATE audit_entries SET hash = '{}', subject = 'x' WHERE number = 2"
    (part,) = reading.entries(store.engine, 3)
    entry = part[1]
    again = type(entry)(**{**vars(entry), "subject": "x"})
    tamper(store.engine, forged.format(hash_of(again)))
    found = verify(store)
    assert (found.broken, found.why) == (
        3,
        "entry 3 does not follow entry 2: one of them was written anew, or put in",
    )


def test_without_its_end_the_trail_is_not_whole(store: DecisionStore) -> None:
    write(store.engine, 3)
    if store.kind == "sqlite":
        tamper(store.engine, "DROP TRIGGER audit_head_no_delete")
    tamper(store.engine, "DELETE FROM audit_head")
    found = verify(store)
    assert not found.whole
    assert "audit_head" in found.why


def test_decisions_are_compared_with_what_the_trail_says_of_them(store: DecisionStore) -> None:
    kept, edited, other = decide(store, "Cures all", "Best tea", "New flavour")
    found = verify(store)
    assert (found.whole, found.decisions, found.unproven) == (True, 3, 0)
    with store.engine.begin() as connection:
        change = text(
            "UPDATE decisions SET document = replace(document, 'approve', 'reject') WHERE id = :id"
        )
        connection.execute(change, {"id": edited.id})
        change = text("UPDATE evidence SET text = 'Cures nothing' WHERE decision_id = :id")
        connection.execute(change, {"id": other.id})
    found = verify(store)
    assert (found.whole, found.broken, found.decisions) == (False, 0, 1)
    assert sorted(found.changed) == sorted([str(edited.id), str(other.id)])
    assert found.why == f"decision {found.changed[0]} is not as it was decided"
    assert str(kept.id) not in found.changed


def test_erasing_what_is_personal_leaves_the_trail_whole(store: DecisionStore) -> None:
    (decision,) = decide(store, "Mei Chen, 12 Hill Road, was cured")
    with store.engine.begin() as connection:
        connection.execute(
            text("UPDATE evidence SET text = '', salt = '' WHERE decision_id = :id"),
            {"id": decision.id},
        )
    found = verify(store)
    assert (found.whole, found.decisions, found.unproven) == (True, 0, 1)


def test_the_trail_tells_nothing_personal_of_an_ad(store: DecisionStore) -> None:
    said = "Mei Chen was cured"
    case = Case(ad_id="ad", text=said, advertiser="Acme", context={"campaign": "spring"})
    case.content_hash = "c" * 64
    Recorder(store, DecisionSettings()).settle([case])
    with store.engine.connect() as connection:
        told = str(connection.execute(text("SELECT * FROM audit_entries")).all())
    assert "decided" in told
    for one in (said, "Acme", "spring", "c" * 64):
        assert one not in told


def test_two_ads_of_one_copy_have_other_commitments(store: DecisionStore) -> None:
    decide(store, "Cures all", "Cures all")
    (part,) = reading.entries(store.engine, 9)
    assert len({entry.facts["content"] for entry in part}) == 2
