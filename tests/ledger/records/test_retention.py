"""What is past the time that it is kept goes."""

from typing import Any

import pytest
from sqlalchemy import select

from adjudicate.documents import AuditCheck
from executors.ledger.audit.trail import ENTRIES
from executors.ledger.audit.verifying import Verifier
from executors.ledger.records import retention
from executors.ledger.records.retention import Retention
from executors.ledger.store import DECISIONS, EVIDENCE
from executors.shared.settings import RetentionSettings
from tests.ledger.records.archive import ESCALATED, REJECTED, Archive, ask


def keeping(archive: Archive, **days: Any) -> Retention:
    """All is kept for ever, but what a test says."""
    names = ("approved_pictures_days", "pictures_days", "copy_days", "decisions_days")
    settings = RetentionSettings(**{**dict.fromkeys(names, 0), **days})
    return Retention(archive.store.engine, archive.pictures, settings)


def kept(archive: Archive) -> set[bytes]:
    return {archive.pictures.get(one) for one in archive.pictures.hashes()}


def test_pictures_of_approved_ads_go_first(archive: Archive) -> None:
    for outcome, said in (("approved", {}), ("rejected", REJECTED)):
        for days in (29, 31, 400):
            archive.add(
                f"{outcome} {days}", image=f"{outcome} {days}".encode(), age_days=days, **said
            )
    due = keeping(archive, approved_pictures_days=30, pictures_days=365)
    assert due.expire(dry_run=True).pictures == 3
    assert due.expire().pictures == 3
    assert kept(archive) == {b"approved 29", b"rejected 29", b"rejected 31"}
    assert due.expire().pictures == 0
    assert {row.ad_id for row in archive.search().rows(ask()) if not row.picture} == {
        "approved 31",
        "approved 400",
        "rejected 400",
    }


def test_a_picture_that_a_newer_ad_holds_stays_for_it(archive: Archive) -> None:
    old = archive.add("old", image=b"shared", age_days=31)
    archive.add("new", image=b"shared")
    due = keeping(archive, approved_pictures_days=30)
    assert due.expire().pictures == 1
    assert kept(archive) == {b"shared"}
    assert archive.evidence(old.id).picture_gone_at


def test_an_ad_in_the_queue_keeps_everything_until_it_is_settled(archive: Archive) -> None:
    decision = archive.add("it", "Cures all", image=b"picture", age_days=400, **ESCALATED)
    due = keeping(archive, pictures_days=30, copy_days=30, decisions_days=30)
    waiting = due.expire()
    assert (waiting.pictures, waiting.copies, waiting.decisions) == (0, 0, 0)
    archive.settle(decision.id)
    assert due.expire().decisions == 1
    assert archive.store.get(str(decision.id)) is None
    assert kept(archive) == set()


def test_copy_goes_with_all_that_quotes_it_and_the_hashes_of_the_picture_stay(
    archive: Archive,
) -> None:
    decision = archive.add(
        "it", "Zauberelixir", image=b"p", phash="a" * 64, advertiser="Acme", age_days=366
    )
    archive.add("young", "Zaubertrank", age_days=364)
    done = keeping(archive, copy_days=365).expire()
    assert done.copies == 1
    left = archive.everything()
    assert "Zauberelixir" not in left
    assert "Acme" not in left
    assert "Zaubertrank" in left
    row = archive.evidence(decision.id)
    assert row.phash == "a" * 64
    assert row.salt == ""
    assert kept(archive) == {b"p"}


def test_the_trail_is_whole_after_all_of_it(archive: Archive) -> None:
    for days in (1, 400):
        archive.add(f"{days}", image=f"{days}".encode(), age_days=days)
    due = keeping(archive, approved_pictures_days=30, copy_days=365, decisions_days=800)
    due.expire(by="key:1")
    check = Verifier(archive.store.engine, DECISIONS, EVIDENCE).verify(AuditCheck())
    assert check.whole
    assert list(check.changed) == []
    query = select(ENTRIES.c.subject, ENTRIES.c.by).where(ENTRIES.c.what == "expired")
    said = archive.read(lambda c: c.execute(query.order_by(ENTRIES.c.number.desc()).limit(2)).all())
    assert {tuple(row) for row in said} == {("pictures", "key:1"), ("copies", "key:1")}


def test_decisions_go_with_all_that_belongs_to_them(archive: Archive) -> None:
    old = archive.add("old", image=b"old", age_days=900, **REJECTED)
    archive.rule(old.id, "approve")
    archive.settle(old.id)
    archive.add("new", image=b"new")
    done = keeping(archive, decisions_days=800).expire()
    assert done.decisions == 1
    assert archive.found() == ["new"]
    assert kept(archive) == {b"new"}


def test_for_ever_is_for_ever(archive: Archive) -> None:
    archive.add("it", image=b"picture", age_days=10_000)
    before = archive.everything()
    done = keeping(archive).expire()
    assert (done.pictures, done.copies, done.decisions) == (0, 0, 0)
    assert archive.everything() == before


def test_batches_follow_one_another_until_it_is_stopped(
    light: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        light.add(f"{number}", image=f"{number}".encode(), age_days=40)
    due = keeping(light, approved_pictures_days=30)
    asked = iter([False, False, True])  # of decisions there are none
    assert due.expire(stop=lambda: next(asked, True)).pictures == 2
    assert due.expire().pictures == 3


def test_two_ledgers_count_each_ad_once(archive: Archive) -> None:
    """Both have read the same rows before either deletes."""
    for number in range(4):
        archive.add(f"{number}", f"copy {number}", age_days=400)
    one, other = keeping(archive, copy_days=365), keeping(archive, copy_days=365)
    due = one._due()["copies"]
    first, second = one._next(due), other._next(due)
    assert one._expire_copies(first, "service") == 4
    assert other._expire_copies(second, "service") == 0


def test_a_picture_that_is_wanted_again_meanwhile_is_put_back(
    light: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway found it there, and wrote nothing, just before it was deleted."""
    light.add("old", image=b"shared", age_days=40)
    delete = light.pictures.delete

    def and_then_comes_another(pictures: list[str]) -> int:
        gone = delete(pictures)
        light.add_all([light.case("new", "Fresh pears", image=b"shared")])
        return gone

    monkeypatch.setattr(light.pictures, "delete", and_then_comes_another)
    keeping(light, approved_pictures_days=30).expire()
    assert kept(light) == {b"shared"}
