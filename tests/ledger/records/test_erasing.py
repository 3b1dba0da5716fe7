"""Erasure takes out what is personal, and leaves decisions and audit trail whole."""

import json
from pathlib import Path

import pytest
from docarray import DocList
from sqlalchemy import insert, select

from adjudicate.documents import AuditCheck, Erasure, Finding, Match
from adjudicate.errors import AdError
from executors.ledger.audit.trail import ENTRIES
from executors.ledger.audit.verifying import Verifier
from executors.ledger.keys import Claim
from executors.ledger.records import erasing
from executors.ledger.records.erasing import Eraser
from executors.ledger.store import DECISIONS, EVIDENCE, LESSONS, Record
from tests.ledger.records.archive import ESCALATED, HASH, REJECTED, Archive

WORD = "Zauberelixir"
"""A word of the copy: nothing may hold it afterwards."""
QUOTES = {
    "findings": DocList[Finding](
        [Finding(rule="US-FTC", claim=f"{WORD} cures", rationale=f"says {WORD}")]
    ),
    "matches": DocList[Match]([Match(exemplar_id="", signal="term", matched=WORD)]),
}


def eraser(archive: Archive) -> Eraser:
    return Eraser(archive.store.engine, archive.pictures)


def erase(archive: Archive, **whose: str) -> Erasure:
    return eraser(archive).erase(Erasure(**whose, dry_run=False, by="key:1"))


def whole(archive: Archive) -> AuditCheck:
    return Verifier(archive.store.engine, DECISIONS, EVIDENCE).verify(AuditCheck())


def test_nothing_of_the_ad_is_left_but_its_decision(archive: Archive) -> None:
    decision = archive.add(
        "it",
        f"{WORD} cures all",
        image=b"picture",
        phash=HASH,
        advertiser="Acme Health",
        context={"campaign": WORD},
        **{**ESCALATED, **QUOTES},
    )
    archive.rule(decision.id, "reject", "US-FTC")
    row = archive.evidence(decision.id)
    hashes = (row.picture, row.phash, row.copy_hash, row.salt)
    assert WORD in archive.everything()

    done = erase(archive, ad="it")

    assert (done.decisions, done.pictures) == (1, 1)
    left = archive.everything().lower()
    for gone in (WORD.lower(), "acme", "campaign", "the copy says so", *hashes):
        assert gone not in left
    assert list(archive.pictures.hashes()) == []
    held = archive.store.get(str(decision.id))
    assert held is not None
    assert (held.outcome, held.findings[0].rule) == ("escalate", "US-FTC")
    assert archive.evidence(decision.id).erased_at


def test_the_audit_trail_stays_whole_and_says_so(archive: Archive) -> None:
    decision = archive.add("it", "Cures all", advertiser="Acme", **REJECTED)
    before = whole(archive)
    erase(archive, ad="it")
    after = whole(archive)
    assert before.whole
    assert after.whole
    assert list(after.changed) == []
    query = select(ENTRIES).where(ENTRIES.c.subject == decision.id, ENTRIES.c.what == "erased")
    (entry,) = archive.read(lambda c: c.execute(query).all())
    assert (entry.by, json.loads(entry.facts)) == ("key:1", {"request": "ad"})


def test_an_advertisers_ads_are_erased_batch_by_batch(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH", 2)
    for number in range(5):
        archive.add(f"{number}", image=f"picture {number}".encode(), advertiser="Acme")
    archive.add("other", image=b"theirs", advertiser="Acme Ltd")
    done = erase(archive, advertiser="Acme")
    assert (done.decisions, done.pictures) == (5, 5)
    assert archive.found(advertiser="Acme") == []
    assert archive.found(advertiser="Acme Ltd") == ["other"]
    assert len(list(archive.pictures.hashes())) == 1


def test_a_picture_that_another_ad_holds_stays(archive: Archive) -> None:
    archive.add("it", image=b"shared", advertiser="Acme")
    archive.add("again", image=b"shared", advertiser="Acme")
    other = archive.add("other", image=b"shared")
    asked = Erasure(advertiser="Acme", by="key:1")
    counted = eraser(archive).erase(asked)
    assert (counted.pictures, counted.pictures_held) == (0, 1)
    done = erase(archive, advertiser="Acme")
    assert (done.pictures, done.pictures_held) == (0, 1)
    assert archive.pictures.get(archive.evidence(other.id).picture) == b"shared"


def test_a_picture_of_two_of_the_erased_ads_goes_with_the_last(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH", 1)
    archive.add("it", image=b"shared", advertiser="Acme")
    archive.add("again", image=b"shared", advertiser="Acme")
    assert eraser(archive).erase(Erasure(advertiser="Acme")).pictures == 1
    assert erase(archive, advertiser="Acme").pictures == 1
    assert list(archive.pictures.hashes()) == []


def test_a_dry_run_counts_and_changes_nothing(archive: Archive) -> None:
    archive.add("it", "Cures all", image=b"picture")
    before = archive.everything()
    counted = eraser(archive).erase(Erasure(ad="it"))
    assert (counted.decisions, counted.pictures, counted.dry_run) == (1, 1, True)
    assert archive.everything() == before
    assert len(list(archive.pictures.hashes())) == 1


def test_exemplars_that_were_made_of_the_ad_are_named_and_left(light: Archive) -> None:
    decision = light.add("it", **REJECTED)
    lesson = {c.name: "" for c in LESSONS.columns if c.name != "number"} | {"repeats": False}
    with light.store.engine.execution_options(writes=True).begin() as connection:
        for exemplar, removed in (("e2", ""), ("e1", ""), ("e3", "2026-01-01")):
            values = {"decision_id": decision.id, "exemplar_id": exemplar, "removed_at": removed}
            connection.execute(insert(LESSONS).values({**lesson, **values}))
    assert eraser(light).erase(Erasure(ad="it")).exemplars == ["e1", "e2"]


def test_a_key_of_an_erased_ad_decides_no_other(light: Archive) -> None:
    """The key's fingerprint is a hash of the ad: it goes, and the key belongs to nothing else."""
    light.add("it", idempotency_key="key")
    erase(light, ad="it")
    (again,) = light.add_all([light.case("it", "Fresh apples", idempotency_key="key")])
    assert again.outcome == "error"
    assert again.reasons == ["idempotency_conflict"]
    assert light.found(outcome="approve") == ["it"]


def test_a_decision_of_an_earlier_release_is_erased_by_its_ad(light: Archive) -> None:
    decision = light.add("it", WORD, **{**REJECTED, **QUOTES})
    with light.store.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("DELETE FROM evidence")
    assert erase(light, ad="it").decisions == 1
    held = light.store.get(str(decision.id))
    assert held is not None
    assert WORD not in held.model_dump_json()


def test_the_file_of_the_database_holds_it_no_more(light: Archive, tmp_path: Path) -> None:
    for number in range(50):
        light.add(f"{number}", f"{WORD} {number}", advertiser="Acme")
    file = Path(str(light.store.engine.url.database))
    erase(light, advertiser="Acme")
    for part in file.parent.glob(f"{file.name}*"):
        assert WORD.encode() not in part.read_bytes(), part.name


def test_what_was_interrupted_is_finished_when_it_is_sent_again(
    light: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    light.add("it", WORD, image=b"picture", advertiser="Acme")

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(erasing, "forget_all", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(light, advertiser="Acme")
    assert WORD in light.everything()
    assert erase(light, advertiser="Acme").decisions == 1
    assert WORD not in light.everything()


@pytest.mark.parametrize(
    ("whose", "code"),
    [
        ({}, "invalid_field"),
        ({"ad": "it", "advertiser": "Acme"}, "invalid_field"),
        ({"ad": "a\0b"}, "invalid_field"),
        ({"ad": "none"}, "not_found"),
        ({"advertiser": "Nobody"}, "not_found"),
    ],
)
def test_what_cannot_be_erased_says_why(light: Archive, whose: dict[str, str], code: str) -> None:
    light.add("it", advertiser="Acme")
    with pytest.raises(AdError) as refused:
        erase(light, **whose)
    assert refused.value.code == code


def test_twice_erased_is_not_found(light: Archive) -> None:
    light.add("it")
    erase(light, ad="it")
    with pytest.raises(AdError, match="nothing on record"):
        erase(light, ad="it")


def test_records_are_made_as_the_room_makes_them(light: Archive) -> None:
    """A guard of this file's helper: a record without evidence would prove nothing."""
    record = Record(light.add("it"), "c" * 64, claim=Claim("k", "d", "f"))
    assert record.evidence is None
    assert light.evidence(record.decision.id).letters == "freshapples"
