"""What pages make of answers: cards, copies, hours, rows, entries and rules."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from executors.gateway.console.views.audit import entries_of
from executors.gateway.console.views.library import card, copies_of, exemplar_path
from executors.gateway.console.views.overview import seconds, shown
from executors.gateway.console.views.policies import Filter, laws
from executors.gateway.console.views.requests import cosine, day, offset_of, words
from executors.gateway.console.views.search import asked_of
from executors.shared.policy import load_policy
from executors.shared.settings import Settings


def exemplar(name: str, **changed: Any) -> dict[str, Any]:
    given = {
        "id": name,
        "text": "",
        "category": "cure",
        "rule": "R",
        "severity": "high",
        "polarity": "violation",
        "bank": "main",
        "enabled": True,
        "phash": "00",
        "last_hit_at": "",
        "added_at": "",
        "added_by": "",
        "hits": {},
    }
    return {**given, **changed}


def near(*others: str, threshold: float = 0.97) -> dict[str, Any]:
    return {
        "matches": [
            {"exemplar_id": name, "signal": "image", "similarity": 0.98, "threshold": threshold}
            for name in others
        ]
    }


def query(text: str) -> Request:
    return Request({"type": "http", "query_string": text.encode(), "headers": []})


def test_a_pair_of_copies_stands_once_where_both_are_in_use() -> None:
    both = [exemplar("a"), exemplar("b")]
    held = {one["id"]: card(one) for one in both}
    groups = copies_of(both, [near("b"), near("a")], held)
    assert [(group.card.id, [one.id for one in group.others]) for group in groups] == [("a", ["b"])]


def test_a_switched_off_one_names_its_copy_though_it_comes_later() -> None:
    both = [exemplar("a"), exemplar("b", enabled=False)]
    held = {one["id"]: card(one) for one in both}
    groups = copies_of(both, [near(), near("a")], held)
    assert [(group.card.id, [one.id for one in group.others]) for group in groups] == [("b", ["a"])]


@pytest.mark.parametrize(
    ("hits", "doubtful"),
    [
        ({}, False),
        ({"flagged": 4, "overturned": 4}, False),
        ({"flagged": 10, "overturned": 4}, False),
        ({"flagged": 10, "overturned": 5}, True),
    ],
)
def test_an_exemplar_that_is_mostly_wrong_is_doubtful(hits: dict[str, int], doubtful: bool) -> None:
    assert card(exemplar("a", hits=hits)).doubtful is doubtful


def test_one_of_a_bank_that_is_off_is_not_in_use() -> None:
    assert card(exemplar("a")).in_use
    assert not card(exemplar("a"), ["main"]).in_use
    assert not card(exemplar("a", enabled=False)).in_use


def test_an_id_stands_in_a_path_whatever_it_holds() -> None:
    assert exemplar_path("a/b?c #") == "/exemplars/a%2Fb%3Fc%20%23"


def hour(at: str, count: int = 0, p50: float | None = None) -> dict[str, Any]:
    return {
        "at": at,
        "outcomes": {"approve": count},
        "p50": p50,
        "p95": p50,
        "queued": count,
        "settled": 0,
        "ads": count,
    }


def overview(hours: list[dict[str, Any]]) -> dict[str, Any]:
    return {"hourly": hours, "waiting_by_age": {"1h": 4, "more": 2}}


def test_many_hours_are_drawn_together_and_none_is_lost() -> None:
    hours = [hour(f"2026-01-{1 + n // 24:02}T{n % 24:02}:00:00+00:00", 1, n) for n in range(168)]
    found = shown(overview(hours), lambda section, code: code)
    assert len({bar.x for bar in found.outcomes.bars}) == 56
    titles = [bar.title.rpartition(" ")[2] for bar in found.outcomes.bars]
    assert sum(map(int, titles)) == 168
    latency = next(line for line in found.latency.lines if line.kind == "p50")
    assert latency.points[0].title.endswith("p50 2 ms")  # the worst of its three hours
    assert found.hours[0] is hours[-1]


def test_hours_that_do_not_divide_evenly_are_all_counted() -> None:
    hours = [hour(f"2026-01-{1 + n // 24:02}T{n % 24:02}:00:00+00:00", 1) for n in range(744)]
    found = shown(overview(hours), lambda section, code: code)
    titles = [bar.title.rpartition(" ")[2] for bar in found.outcomes.bars]
    assert sum(map(int, titles)) == 744
    assert len(titles) <= 72


def test_cases_that_wait_too_long_stand_out() -> None:
    found = shown(overview([hour("2026-01-01T00:00:00+00:00")]), lambda section, code: code)
    assert [(one.age, one.count, one.late) for one in found.waiting if one.count] == [
        ("1h", 4, False),
        ("more", 2, True),
    ]
    assert found.waiting[-1].share == 0.5


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ("none", 0)),
        (0.4, ("seconds", 0)),
        (119, ("seconds", 119)),
        (120, ("minutes", 2)),
        (7_200, ("hours", 2)),
        (200_000, ("days", 2)),
    ],
)
def test_a_duration_is_said_in_one_unit(value: float | None, said: tuple[str, int]) -> None:
    assert seconds(value) == said


def test_both_days_of_a_search_are_included() -> None:
    asked = asked_of({"since": "2026-01-31", "until": "2026-01-31", "text": "cure", "rule": ""})
    assert asked == {
        "text": "cure",
        "since": "2026-01-31T00:00:00.000+00:00",
        "until": "2026-02-01T00:00:00.000+00:00",
    }
    assert day("2026-13-01") == ""
    assert day("9999-12-31", after=1) == ""


def test_an_entry_leads_to_what_it_is_about_and_leaves_hashes_to_the_export() -> None:
    said = {"facts": {"outcome": "reject", "copy": "ab" * 32, "none": None, "past": True}}
    entries = entries_of(
        [
            {**said, "what": "ruled", "subject": "d/1"},
            {**said, "what": "exemplar_added", "subject": "e1"},
            {**said, "what": "signed_in", "subject": "key:1"},
        ]
    )
    assert [entry.path for entry in entries] == ["/cases/d%2F1", "/exemplars/e1", ""]
    assert entries[0].facts == (("outcome", "reject"), ("past", "✓"))


def test_every_word_that_is_looked_for_stands_in_the_rule() -> None:
    policy = load_policy(Settings().policies)
    codes = [rule.code for law in laws(policy, Filter(text="ＳＡＭＲ 退款")) for rule in law.rules]
    assert codes == ["CN-S21-11"]
    assert laws(policy, Filter(text="samr nowhere")) == []


@pytest.mark.parametrize(
    ("asked", "found"), [("offset=48", 48), ("offset=-1", 0), ("offset=x", 0), ("", 0)]
)
def test_an_offset_is_a_number_or_the_beginning(asked: str, found: int) -> None:
    assert offset_of(query(asked)) == found


@pytest.mark.parametrize(
    ("asked", "found"), [("t=0.5", 0.5), ("t=0", None), ("t=1.1", None), ("t=nan", None)]
)
def test_a_cosine_is_between_0_and_1(asked: str, found: float | None) -> None:
    assert cosine(query(asked), "t") == found


def test_a_filter_is_short_plain_text() -> None:
    assert words(query("q=%20a%00b%20"), "q") == "ab"
    assert len(words(query(f"q={'x' * 900}"), "q")) == 500
