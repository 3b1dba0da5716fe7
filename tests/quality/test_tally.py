"""What of each decision is counted, and that it is counted once."""

from collections.abc import Iterator

import pytest
from docarray import DocList
from sqlalchemy import Engine

from adjudicate.documents import Case, Decision, Finding, Problem
from executors.ledger.quality.tally import Counts, Key, Tally
from executors.ledger.store import COUNTS, METADATA
from executors.shared.database import open_database

HOUR = "2026-03-01T12"
AT = f"{HOUR}:34:56.789+00:00"


@pytest.fixture
def engine(any_database: str) -> Iterator[Engine]:
    opened = open_database(any_database, METADATA)
    yield opened
    opened.dispose()


def counted(case: Case, *, rules: tuple[str, ...] = (), **said: object) -> dict[str, list[str]]:
    found = [Finding(rule=rule, verdict="violation") for rule in rules]
    decision = Decision(decided_at=AT, findings=DocList[Finding](found), **said)
    tally = Tally(audit_share=0.01)
    tally.count(case, decision)
    taken = tally.take()
    assert set(taken.values()) <= {1}
    assert {key.hour for key in taken} <= {HOUR}
    by_kind: dict[str, list[str]] = {}
    for key in taken:
        by_kind.setdefault(key.counted, []).append(key.of)
    return by_kind


def test_an_ad_below_every_threshold_passed_at_the_share_of_its_time() -> None:
    assert counted(Case()) == {"passed": ["0.01"]}


@pytest.mark.parametrize(
    ("verdict", "more"),
    [
        ("compliant", {"audited": ["0.01"]}),
        ("violation", {"audited": ["0.01"], "missed": ["0.01"]}),
        ("", {"unjudged": ["0.01"]}),
        ("timeout", {"unjudged": ["0.01"]}),
    ],
)
def test_an_audited_ad_passed_too_and_says_what_was_missed(
    verdict: str, more: dict[str, list[str]]
) -> None:
    case = Case(audit=True, flagged=True, verdict=verdict)
    assert counted(case) == {"passed": ["0.01"], **more}


def test_a_flagged_ad_counts_for_each_rule_that_the_judge_found_broken() -> None:
    case = Case(flagged=True, verdict="violation")
    assert counted(case, rules=("US-FTC", "US-FDA", "US-FTC")) == {
        "judged": [""],
        "positive": ["", "US-FTC", "US-FDA"],
    }
    assert counted(case, rule="CN-AL-16")["positive"] == ["", "CN-AL-16"]
    assert counted(case)["positive"] == ["", "unknown"]
    assert counted(case, rules=("r\0" + "x" * 300,))["positive"] == ["", "r" + "x" * 199]


def test_what_the_judge_did_not_answer_is_not_judged() -> None:
    assert counted(Case(flagged=True, verdict="compliant")) == {"judged": [""]}
    for verdict in ("", "invalid", "timeout", "unavailable"):
        assert counted(Case(flagged=True, verdict=verdict)) == {}


def test_a_copy_and_an_error_are_neither_passed_nor_judged() -> None:
    assert counted(Case(near_duplicate="hash")) == {}
    assert counted(Case(), problem=Problem(code="internal")) == {}


def test_what_could_not_be_written_is_counted_the_next_time() -> None:
    tally = Tally(0.01)
    tally.count(Case(), Decision(decided_at=AT))
    taken = tally.take()
    assert tally.take() == {}
    tally.count(Case(), Decision(decided_at=AT))
    tally.put_back(taken)
    assert tally.take() == {Key(HOUR, "passed", "0.01"): 2}


def test_counts_add_up_over_processes_and_hours(engine: Engine) -> None:
    counts = Counts(engine, COUNTS)
    counts.add({})
    first, second = Key(HOUR, "passed", "0.01"), Key("2026-03-01T13", "passed", "0.01")
    counts.add({first: 2, second: 3})
    Counts(engine, COUNTS).add({first: 5, Key(HOUR, "judged", ""): 1})
    assert counts.since(AT) == {("passed", "0.01"): 10, ("judged", ""): 1}
    assert counts.since("2026-03-01T13:00:00") == {("passed", "0.01"): 3}
    assert counts.since("2026-03-01T14:00:00") == {}
