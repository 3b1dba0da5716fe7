"""What a decision was about is on record with it, in its transaction."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Case, Decision, Problem
from executors.ledger.evidence import MOST_NAME, evidence_of, evidence_row
from executors.ledger.recorder import Recorder
from executors.ledger.store import DecisionStore
from executors.shared.pictures import PictureStore
from executors.shared.settings import DecisionSettings
from tests.ledger.records.archive import REJECTED, Archive


def archive(url: str, tmp_path: Path) -> Archive:
    return Archive(DecisionStore(url), PictureStore(str(tmp_path / "pictures")))


def test_evidence_holds_the_ad_as_it_was_sent(any_database: str, tmp_path: Path) -> None:
    records = archive(any_database, tmp_path)
    decision = records.add(
        "it",
        "Ｃures ALL",
        image=b"picture",
        phash="f" * 64,
        advertiser="Acme",
        market="US",
        product="food",
        language="en",
        context={"campaign": "春"},
        **REJECTED,
    )
    held = evidence_of(records.evidence(decision.id))
    assert (held.id, held.ad_id, held.text) == (decision.id, "it", "Ｃures ALL")
    assert (held.market, held.product, held.language) == ("US", "food", "en")
    assert held.context == {"campaign": "春"}
    assert (held.picture_kept, held.picture_gone_at, held.erased_at) == (True, "", "")
    row = records.evidence(decision.id)
    assert (row.letters, row.verdict, row.probability) == ("curesall", "violation", 0.9)
    assert row.flagged
    records.store.close()


def test_a_decision_and_its_evidence_are_written_together_or_not_at_all(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = archive(sqlite_url, tmp_path)

    def full(*args: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr("executors.ledger.store._add_evidence", full)
    (refused,) = records.add_all([records.case("it", "copy")])
    assert (refused.outcome, records.store.count()) == ("error", 0)
    records.store.close()


def test_an_ad_that_is_sent_again_has_one_row(sqlite_url: str, tmp_path: Path) -> None:
    records = archive(sqlite_url, tmp_path)
    first, again = (records.add("it", "copy", idempotency_key="key") for _ in range(2))
    assert first.id == again.id
    assert records.evidence(first.id).text == "copy"
    records.store.close()


def test_what_cannot_be_stored_as_text_is_stored_all_the_same(
    any_database: str, tmp_path: Path
) -> None:
    records = archive(any_database, tmp_path)
    decision = records.add("it", "a\0b\ud800", advertiser="x" * 3_000 + "\0")
    row = records.evidence(decision.id)
    assert row.text == "a\ufffdb?"
    assert row.advertiser == "x" * MOST_NAME
    records.store.close()


def hash_of(copy: str) -> str:
    row = evidence_row(Case(text=copy), Decision(id="d"), "all")
    assert row is not None
    return str(row["copy_hash"])


def test_copy_that_reads_the_same_has_the_same_hash() -> None:
    assert hash_of("Cures, ALL!") == hash_of("c u r e s all")
    assert hash_of("療效") == hash_of("疗效")
    assert hash_of("") == hash_of("!!!") == ""
    assert hash_of("Cures all") != hash_of("Cures al")


def test_an_ad_without_content_has_no_row_and_one_that_errs_the_beginning_of_its_copy(
    sqlite_url: str, tmp_path: Path
) -> None:
    records = archive(sqlite_url, tmp_path)
    empty = Case(problem=Problem(code="ad_empty"))
    long = Case(text="x" * 5_000, problem=Problem(code="text_too_long"))
    recorder = Recorder(records.store, DecisionSettings())
    (without, cut) = recorder.settle([empty, long])
    assert evidence_row(empty, without, "all") is None
    assert len(records.evidence(cut.id).text) == 1_000
    assert records.evidence(cut.id).picture_gone_at == "-"
    records.store.close()


@pytest.mark.parametrize(("keep", "gone"), [("all", ""), ("reviewed", "-"), ("none", "-")])
def test_it_knows_whether_the_gateway_keeps_the_picture(
    sqlite_url: str, tmp_path: Path, keep: str, gone: str
) -> None:
    records = archive(sqlite_url, tmp_path)
    records.keep = keep
    decision = records.add("approved", image=b"picture")
    assert records.evidence(decision.id).picture_gone_at == gone
    assert evidence_of(records.evidence(decision.id)).picture_kept is (not gone)
    records.store.close()


def test_salts_are_never_the_same(sqlite_url: str, tmp_path: Path) -> None:
    records = archive(sqlite_url, tmp_path)
    salts = {records.evidence(records.add(name).id).salt for name in "abc"}
    assert len(salts) == 3
    assert all(len(salt) == 64 for salt in salts)
    records.store.close()
