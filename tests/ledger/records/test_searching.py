"""Decisions are found by what they are about and what became of them."""

import pytest

from adjudicate.documents import DecisionAsk
from adjudicate.errors import AdError
from executors.ledger.records.asking import read
from executors.ledger.records.searching import EXCERPT
from tests.ledger.records.archive import ESCALATED, HASH, REJECTED, Archive, apart, ask

PICTURE = b"a picture"


def test_an_empty_ask_finds_the_newest_first(archive: Archive) -> None:
    for name in ("one", "two", "three"):
        archive.add(name)
    assert archive.found() == ["three", "two", "one"]
    assert archive.found(limit=2) == ["three", "two"]


@pytest.mark.parametrize(
    ("copy", "asked"),
    [
        ("Cures diabetes in 7 days", "diabetes in"),
        ("Ｃｕｒｅｓ  DIABETES", "cures diabetes"),
        ("本品根治糖尿病，无副作用", "糖尿病"),
        ("本品療效顯著", "疗效"),
        ("100 % natural", "100%"),
    ],
)
def test_copy_is_found_however_it_is_written(archive: Archive, copy: str, asked: str) -> None:
    archive.add("it", copy)
    archive.add("another", "Fresh apples")
    assert archive.found(text=asked) == ["it"]


def test_an_id_is_a_decisions_or_an_ads(archive: Archive) -> None:
    first, _, second = archive.add("a"), archive.add("b"), archive.add("a")
    assert [row.id for row in archive.search().rows(ask(decision="a"))] == [second.id, first.id]
    assert archive.found(decision=first.id) == ["a"]
    assert archive.found(decision="none") == []


def test_every_field_that_is_given_must_hold(archive: Archive) -> None:
    archive.add("1", "Cures all", advertiser="Acme", market="US", **REJECTED)
    archive.add("2", "Cures all", advertiser="Acme", market="CN")
    archive.add("3", "Cures all", advertiser="Other", market="US")
    assert archive.found(text="cures", advertiser="Acme") == ["2", "1"]
    assert archive.found(text="cures", advertiser="Acme", market="US") == ["1"]
    assert archive.found(advertiser="Acme", outcome="reject") == ["1"]
    assert archive.found(advertiser="Acm") == []


def test_time_is_from_since_up_to_until(archive: Archive) -> None:
    for days in (3, 2, 1):
        archive.add(f"{days} days ago", age_days=days)
    (old, middle, new) = (row.decided_at for row in reversed(archive.search().rows(ask())))
    assert archive.found(since=middle) == ["1 days ago", "2 days ago"]
    assert archive.found(until=middle) == ["3 days ago"]
    assert archive.found(since=middle, until=new) == ["2 days ago"]
    assert old < middle


def test_what_people_ruled_counts_before_what_was_decided(archive: Archive) -> None:
    ruled = archive.add("ruled", **REJECTED)
    archive.add("rejected", **REJECTED)
    archive.add("approved")
    archive.rule(ruled.id, "approve")
    assert archive.found(outcome="approve") == ["approved", "ruled"]
    assert archive.found(outcome="reject") == ["rejected"]
    (row,) = archive.search().rows(ask(decision="ruled"))
    assert (row.outcome, row.ruling_outcome) == ("reject", "approve")


def test_a_rule_is_the_rulings_or_the_decisions_and_may_be_a_beginning(archive: Archive) -> None:
    one, two = archive.add("one", **ESCALATED), archive.add("two", **ESCALATED)
    archive.add("three", **ESCALATED)
    archive.rule(one.id, "reject", "CN-AD-16")
    archive.rule(two.id, "reject", "CN-HF-4")
    assert archive.found(rule="CN-AD-16") == ["one"]
    assert archive.found(rule="CN-*") == ["two", "one"]
    assert archive.found(rule="CN_*") == []


def test_pages_follow_one_another_without_a_gap(archive: Archive) -> None:
    for number in range(7):
        archive.add(str(number), "Cures all" if number % 2 else "Fresh apples", **REJECTED)
    for filters in ({}, {"text": "cures"}, {"outcome": "reject"}):
        whole = archive.search().rows(ask(**filters))
        first = archive.search().rows(ask(**filters, limit=2))
        rest = archive.search().rows(ask(**filters, after=first[-1].id))
        assert [row.id for row in (*first, *rest)] == [row.id for row in whole]


def test_a_picture_finds_its_near_duplicates_the_nearest_first(archive: Archive) -> None:
    for bits in (40, 31, 0, 12):
        archive.add(f"{bits} bits", phash=apart(bits), picture=f"{bits:064x}")
    archive.add("without a hash")
    rows = archive.search().rows(ask(phash=HASH))
    assert [(row.ad_id, row.distance) for row in rows] == [
        ("0 bits", 0),
        ("12 bits", 12),
        ("31 bits", 31),
    ]
    assert archive.found(phash=HASH, limit=1) == ["0 bits"]
    assert archive.found(phash=HASH, after=rows[0].id) == ["12 bits", "31 bits"]


def test_near_duplicates_can_be_chosen_from(archive: Archive) -> None:
    archive.add("approved", phash=apart(1), advertiser="Acme")
    archive.add("rejected", phash=apart(2), advertiser="Acme", **REJECTED)
    assert archive.found(phash=HASH, outcome="reject") == ["rejected"]
    assert archive.found(phash=HASH, advertiser="Acme") == ["approved", "rejected"]


def test_a_search_sees_what_was_recorded_since_the_last_one(archive: Archive) -> None:
    search = archive.search()
    archive.add("first", phash=apart(3))
    assert [row.ad_id for row in search.rows(ask(phash=HASH))] == ["first"]
    archive.add("second", phash=apart(1))
    assert [row.ad_id for row in search.rows(ask(phash=HASH))] == ["second", "first"]


def test_the_very_bytes_of_a_picture_are_found_though_its_hash_means_nothing(
    light: Archive,
) -> None:
    decision = light.add("plain", image=PICTURE)
    picture = light.evidence(decision.id).picture
    light.add("other", image=b"other")
    assert light.found(picture=picture) == ["plain"]
    light.add("alike", phash=apart(5))
    assert light.found(picture=picture, phash=HASH) == ["plain", "alike"]


def test_a_row_says_what_a_list_shows(light: Archive) -> None:
    long = "Fresh apples " * 50
    light.add("it", long, image=PICTURE, advertiser="Acme", market="US", product="food", **REJECTED)
    (row,) = light.search().rows(ask())
    assert row.excerpt == f"{long[: EXCERPT - 1]}…"
    assert (row.advertiser, row.market, row.product) == ("Acme", "US", "food")
    assert row.confidence == pytest.approx(0.9)
    assert row.reason
    assert row.picture
    assert row.distance is None


def test_a_picture_that_is_not_kept_is_not_named(light: Archive) -> None:
    light.keep = "reviewed"
    light.add("approved", image=PICTURE)
    light.add("rejected", image=b"other", **REJECTED)
    assert [bool(row.picture) for row in light.search().rows(ask())] == [True, False]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"phash": "abc"}, "phash must be 64"),
        ({"picture": "F" * 64}, "picture must be 64"),
        ({"outcome": "maybe"}, "outcome must be one of"),
        ({"limit": 0}, "limit must be"),
        ({"limit": 1_001}, "limit must be"),
        ({"text": "!!!"}, "neither a letter nor a digit"),
        ({"text": "x" * 1_001}, "too long"),
        ({"advertiser": "a\0b"}, "NUL"),
        ({"since": "yesterday"}, "since must be a time"),
    ],
)
def test_an_ask_that_cannot_be_says_why(asked: dict[str, object], said: str) -> None:
    with pytest.raises(AdError, match=said) as refused:
        read(DecisionAsk(**asked))
    assert refused.value.code == "invalid_field"


def test_times_are_read_in_any_offset() -> None:
    assert read(DecisionAsk(since="2026-01-31")).since == "2026-01-31T00:00:00.000+00:00"
    assert read(DecisionAsk(since="2026-01-31T09:00+08:00")).since == (
        "2026-01-31T01:00:00.000+00:00"
    )


@pytest.mark.parametrize("asked", [{}, {"text": "apples"}, {"phash": HASH}])
def test_a_page_after_no_decision_is_refused(light: Archive, asked: dict[str, str]) -> None:
    light.add("it", phash=HASH)
    with pytest.raises(AdError, match="there is no decision") as refused:
        light.search().rows(ask(**asked, after="none"))
    assert refused.value.code == "not_found"
