"""A case file has all that is known of a decision."""

import pytest

from adjudicate.errors import AdError
from executors.ledger.records.casefile import CaseFiles
from executors.ledger.records.searching import Search
from tests.ledger.records.archive import ESCALATED, HASH, REJECTED, Archive, apart


def files(archive: Archive) -> CaseFiles:
    search: Search = archive.search()
    return CaseFiles(archive.store, search)


def test_it_holds_decision_evidence_and_place_in_the_queue(archive: Archive) -> None:
    decision = archive.add(
        "it",
        "Cures all",
        image=b"picture",
        advertiser="Acme",
        market="US",
        context={"campaign": "spring"},
        **ESCALATED,
    )
    file = files(archive).of(str(decision.id))
    assert file.decision is not None
    assert file.decision.outcome == "escalate"
    assert file.evidence is not None
    assert (file.evidence.text, file.evidence.advertiser) == ("Cures all", "Acme")
    assert file.evidence.context == {"campaign": "spring"}
    assert file.evidence.picture_kept
    assert file.item is not None
    assert file.item.state == "open"
    assert (list(file.reviews), list(file.appeals)) == ([], [])


def test_an_ads_id_is_that_of_its_latest_decision(light: Archive) -> None:
    light.add("it", "first")
    light.add("it", "second")
    file = files(light).of("it")
    assert file.evidence is not None
    assert file.evidence.text == "second"
    assert file.id == file.evidence.id


def test_the_history_is_of_the_advertisers_other_decisions(archive: Archive) -> None:
    archive.add("older", advertiser="Acme")
    overturned = archive.add("old", advertiser="Acme", **REJECTED)
    decision = archive.add("it", advertiser="Acme", **REJECTED)
    archive.add("another's", advertiser="Other")
    archive.add("nobody's")
    archive.rule(overturned.id, "approve")
    file = files(archive).of(str(decision.id))
    assert [(row.ad_id, row.ruling_outcome) for row in file.history] == [
        ("old", "approve"),
        ("older", ""),
    ]
    assert file.history_counts == {"approve": 2, "reject": 1}


def test_an_ad_of_nobody_has_no_history(light: Archive) -> None:
    light.add("other")
    assert not files(light).of(str(light.add("it").id)).history


def test_near_duplicates_are_by_picture_then_by_copy(archive: Archive) -> None:
    archive.add("same words", "CURES, ALL!")
    archive.add("near", "Fresh apples", phash=apart(20), picture="1" * 64)
    archive.add("nearer", "Cures all", phash=apart(2), picture="2" * 64)
    archive.add("far", "Fresh pears", phash=apart(90), picture="3" * 64)
    decision = archive.add("it", "Cures all", phash=HASH, picture="4" * 64)
    file = files(archive).of(str(decision.id))
    assert [(row.ad_id, row.distance) for row in file.near] == [
        ("nearer", 2),
        ("near", 20),
        ("same words", None),
    ]


def test_a_decision_without_content_has_a_file_too(light: Archive) -> None:
    (decision,) = light.add_all([light.case("it", "")])
    with light.store.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("DELETE FROM evidence")  # as one of an earlier release
    file = files(light).of(str(decision.id))
    assert file.evidence is None
    assert file.decision is not None


def test_what_is_not_on_record_is_not_found(light: Archive) -> None:
    with pytest.raises(AdError) as refused:
        files(light).of("none")
    assert refused.value.code == "not_found"
