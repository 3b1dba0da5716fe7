"""The decision table, row by row, and what holds for every row."""

import math
from typing import Any, get_args

import pytest
from docarray import DocList
from hypothesis import given
from hypothesis import strategies as st

from adjudicate.documents import Case, Finding, Match, Outcome, Problem, Verdict
from executors.ledger.decide import Ruling, decide
from executors.shared.settings import DecisionSettings

THRESHOLDS = DecisionSettings(reject=0.65, approve=0.35)

VIOLATION = Match(exemplar_id="v", rule="CN-AL-16", similarity=0.9)
LOOKALIKE = Match(exemplar_id="l", rule="", similarity=0.95, polarity="lookalike")
COPY = Match(exemplar_id="c", rule="CN-AL-18", similarity=0.98, signal="hash")
TERM = Match(exemplar_id="", rule="US-101.93", similarity=1, signal="term", matched="c u r e s")
SHOWN = Match(exemplar_id="t", rule="CN-AL-17", similarity=0.4, signal="image-text")
FINDING = Finding(rule="US-FTC", claim="Proven", verdict="violation", probability=0.9)


def case(*matches: Match, findings: tuple[Finding, ...] = (), **fields: Any) -> Case:
    return Case(matches=DocList[Match](matches), findings=DocList[Finding](findings), **fields)


def flagged(verdict: str, probability: float | None, *matches: Match, **fields: Any) -> Case:
    return case(*matches, flagged=True, verdict=verdict, probability=probability, **fields)


NEAR = {"near_duplicate": "similarity", "reasons": ["near_duplicate:similarity", "image:cure"]}
AUDIT = {"audit": True, "reasons": ["audit_sample"]}

ROWS: dict[str, tuple[Case, Ruling]] = {
    "cannot be read": (
        case(problem=Problem(code="image_truncated")),
        Ruling("error", ("image_truncated",)),
    ),
    "cannot be read, though judged compliant": (
        flagged("compliant", 0.0, problem=Problem(code="internal")),
        Ruling("error", ("internal",)),
    ),
    "below every threshold": (case(), Ruling("approve", ("below_thresholds",))),
    "resembles only a look-alike": (
        case(LOOKALIKE, VIOLATION, reasons=["lookalike"]),
        Ruling("approve", ("lookalike",)),
    ),
    "copy of a violation": (
        case(COPY, VIOLATION, near_duplicate="hash", reasons=["near_duplicate:hash", "image:a"]),
        Ruling("reject", ("near_duplicate:hash", "image:a"), "CN-AL-18", 0.98),
    ),
    "copy of a violation, whatever a judge says": (
        flagged("compliant", 0.0, COPY, near_duplicate="hash"),
        Ruling("reject", ("near_duplicate:hash",), "CN-AL-18", 0.98),
    ),
    "violation, sure": (
        flagged("violation", 0.65, VIOLATION, findings=(FINDING,), reasons=["image:cure"]),
        Ruling("reject", ("judged_violation", "image:cure"), "US-FTC", 0.65),
    ),
    "violation, sure, no rule named": (
        flagged("violation", 0.9, LOOKALIKE, VIOLATION),
        Ruling("reject", ("judged_violation",), "CN-AL-16", 0.9),
    ),
    "violation, not sure": (
        flagged("violation", 0.649, VIOLATION),
        Ruling("escalate", ("uncertain",), "CN-AL-16"),
    ),
    "compliant, sure": (
        flagged("compliant", 0.35, VIOLATION, reasons=["image:cure"]),
        Ruling("approve", ("judged_compliant", "image:cure"), "", 0.65),
    ),
    "compliant, not sure": (
        flagged("compliant", 0.351, VIOLATION),
        Ruling("escalate", ("uncertain",), "CN-AL-16"),
    ),
    "compliant, but almost a violation": (
        flagged("compliant", 0.0, VIOLATION, **NEAR),
        Ruling("escalate", ("near_duplicate:similarity", "image:cure"), "CN-AL-16"),
    ),
    "compliant from the cache": (
        flagged("compliant", 0.1, VIOLATION, cached=True),
        Ruling("approve", ("judged_compliant",), "", 0.9),
    ),
    "compliant from the cache, but almost a violation": (
        flagged("compliant", 0.0, VIOLATION, cached=True, **NEAR),
        Ruling("escalate", ("near_duplicate:similarity", "image:cure"), "CN-AL-16"),
    ),
    "copy of a violation, whatever the cache says": (
        flagged("compliant", 0.0, COPY, cached=True, near_duplicate="hash"),
        Ruling("reject", ("near_duplicate:hash",), "CN-AL-18", 0.98),
    ),
    "what the judge noted comes last": (
        flagged(
            "unavailable", None, VIOLATION, reasons=["image:cure"], judge_notes=["breaker_open"]
        ),
        Ruling("escalate", ("judge_unavailable", "image:cure", "breaker_open"), "CN-AL-16"),
    ),
    "violation, and almost a known one": (
        flagged("violation", 0.9, VIOLATION, **NEAR),
        Ruling(
            "reject",
            ("judged_violation", "near_duplicate:similarity", "image:cure"),
            "CN-AL-16",
            0.9,
        ),
    ),
    "instruction found, compliant": (
        flagged("compliant", 0.0, VIOLATION, instruction_found=True),
        Ruling("escalate", ("instruction_found",), "CN-AL-16"),
    ),
    "instruction found, violation": (
        flagged("violation", 1.0, instruction_found=True, findings=(FINDING,)),
        Ruling("escalate", ("instruction_found",), "US-FTC"),
    ),
    "not judged": (flagged("", None), Ruling("escalate", ("not_judged",))),
    "invalid answer": (flagged("invalid", 0.1), Ruling("escalate", ("judge_invalid",))),
    "timed out": (flagged("timeout", None), Ruling("escalate", ("judge_timeout",))),
    "unavailable": (flagged("unavailable", None), Ruling("escalate", ("judge_unavailable",))),
    "unknown verdict": (flagged("approved", 0.0), Ruling("escalate", ("judge_invalid",))),
    "compliant without probability": (
        flagged("compliant", None),
        Ruling("escalate", ("no_probability",)),
    ),
    "compliant with no number": (
        flagged("compliant", math.nan),
        Ruling("escalate", ("no_probability",)),
    ),
    "compliant with a negative one": (
        flagged("compliant", -0.1),
        Ruling("escalate", ("no_probability",)),
    ),
    "violation with one above 1": (
        flagged("violation", 1.1),
        Ruling("escalate", ("no_probability",)),
    ),
    "a term alone, compliant": (
        flagged("compliant", 0.1, TERM, reasons=["term:US-101.93"]),
        Ruling("approve", ("judged_compliant", "term:US-101.93"), "", 0.9),
    ),
    "a term alone, violation, no rule named": (
        flagged("violation", 0.9, TERM, reasons=["term:US-101.93"]),
        Ruling("reject", ("judged_violation", "term:US-101.93"), "US-101.93", 0.9),
    ),
    "a term alone, not sure": (
        flagged("violation", 0.5, TERM, reasons=["term:US-101.93"]),
        Ruling("escalate", ("uncertain", "term:US-101.93"), "US-101.93"),
    ),
    "a term alone, not judged": (
        flagged("timeout", None, TERM, reasons=["term:US-101.93"]),
        Ruling("escalate", ("judge_timeout", "term:US-101.93"), "US-101.93"),
    ),
    "a term beside a look-alike that excused the picture": (
        flagged("", None, TERM, LOOKALIKE, VIOLATION, reasons=["term:US-101.93", "lookalike"]),
        Ruling("escalate", ("not_judged", "term:US-101.93", "lookalike"), "US-101.93"),
    ),
    "the picture shows a known text, violation": (
        flagged("violation", 0.9, SHOWN, TERM, reasons=["image-text:disease", "term:US-101.93"]),
        Ruling(
            "reject",
            ("judged_violation", "image-text:disease", "term:US-101.93"),
            "CN-AL-17",
            0.9,
        ),
    ),
    "copy of a violation whose text has a term": (
        case(TERM, COPY, near_duplicate="hash", reasons=["near_duplicate:hash", "term:US-101.93"]),
        Ruling("reject", ("near_duplicate:hash", "term:US-101.93"), "CN-AL-18", 0.98),
    ),
    "audit, compliant": (
        flagged("compliant", 0.1, **AUDIT),
        Ruling("approve", ("audit_sample",), "", 0.9),
    ),
    "audit, violation": (
        flagged("violation", 0.9, findings=(FINDING,), **AUDIT),
        Ruling("reject", ("judged_violation", "audit_sample"), "US-FTC", 0.9),
    ),
    "audit, not sure": (
        flagged("compliant", 0.5, **AUDIT),
        Ruling("escalate", ("uncertain", "audit_sample")),
    ),
    "audit, timed out": (
        flagged("timeout", None, **AUDIT),
        Ruling("escalate", ("judge_timeout", "audit_sample")),
    ),
    "near-duplicate that was not flagged": (
        case(VIOLATION, near_duplicate="similarity"),
        Ruling("escalate", ("not_judged",), "CN-AL-16"),
    ),
    "instruction found, not flagged": (
        case(instruction_found=True),
        Ruling("escalate", ("instruction_found",)),
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_the_decision_table(row: str) -> None:
    given_case, expected = ROWS[row]
    ruling = decide(given_case, THRESHOLDS)
    assert ruling == expected or (
        math.isclose(ruling.confidence, expected.confidence)
        and ruling == Ruling(expected.outcome, expected.reasons, expected.rule, ruling.confidence)
    )


def test_a_finding_of_compliance_names_no_broken_rule() -> None:
    compliant = Finding(rule="US-FTC", verdict="compliant")
    ruling = decide(flagged("violation", 0.9, VIOLATION, findings=(compliant,)), THRESHOLDS)
    assert ruling.rule == "CN-AL-16"


cases = st.builds(
    case,
    problem=st.sampled_from([None, None, Problem(code="internal")]),
    flagged=st.booleans(),
    audit=st.booleans(),
    near_duplicate=st.sampled_from(["", "", "hash", "similarity", "other"]),
    verdict=st.sampled_from([*get_args(Verdict), "approve", "other"]),
    probability=st.none() | st.floats(),
    instruction_found=st.booleans(),
    cached=st.booleans(),
    reasons=st.lists(st.sampled_from(["image:cure", "lookalike", "audit_sample"])),
    findings=st.sampled_from([(), (FINDING,)]),
)


@given(cases, st.floats(0, 1), st.floats(0, 1))
def test_nothing_is_approved_by_an_error_or_unjudged(
    any_case: Case, reject: float, approve: float
) -> None:
    ruling = decide(any_case, DecisionSettings(reject=reject, approve=approve))
    assert ruling.outcome in get_args(Outcome)
    assert ruling.reasons
    assert 0 <= ruling.confidence <= 1
    assert (ruling.outcome == "error") == (any_case.problem is not None)
    if ruling.outcome == "approve":
        assert any_case.near_duplicate == ""
        assert not any_case.instruction_found
        assert any_case.verdict == ("compliant" if any_case.flagged else any_case.verdict)
        assert any_case.verdict in ("", "compliant")
        assert not any_case.flagged or any_case.probability is not None
