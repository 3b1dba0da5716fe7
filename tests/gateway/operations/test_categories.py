"""A decision in the words of a moderation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.gateway.operations.categories import categories, names
from executors.shared.policy import Policy, load_policy

POLICY = load_policy(Path(__file__).resolve().parents[3] / "policies")


def decision(outcome: str, **given: Any) -> dict[str, Any]:
    plain = {"rule": "", "confidence": 0.0, "judged": False, "matches": [], "findings": []}
    return {"outcome": outcome, **plain, **given}


def match(category: str, similarity: float, polarity: str = "violation") -> dict[str, Any]:
    return {"category": category, "rule": "", "polarity": polarity, "similarity": similarity}


def finding(rule: str, probability: float, verdict: str = "violation") -> dict[str, Any]:
    return {"rule": rule, "probability": probability, "verdict": verdict}


def held(found: dict[str, Any], policy: Policy = POLICY) -> dict[str, float]:
    """The categories that hold, with their scores."""
    flags, scores = categories(found, policy)
    assert set(flags) == set(scores)
    return {name: scores[name] for name, flag in flags.items() if flag}


def test_the_names_are_the_policys_and_other() -> None:
    assert set(names(POLICY)) == {
        *("superlative", "cure", "safety", "endorsement", "comparison", "disease", "weight-loss"),
        *("pressure", "other"),
    }


def test_a_rejected_ad_has_its_rules_categories_at_the_judges_probability() -> None:
    found = decision("reject", rule="US-FTC", confidence=0.9, judged=True)
    assert held(found) == {"disease": 0.9}


def test_of_a_rules_categories_only_those_count_that_the_ad_matched() -> None:
    found = decision("reject", rule="US-202.1", confidence=0.9, matches=[match("safety", 0.8)])
    assert held(found) == {"safety": 0.9}
    assert set(held(decision("reject", rule="US-202.1", confidence=0.9))) == {
        *("superlative", "safety", "comparison")
    }


def test_a_match_in_another_category_is_no_violation_but_half_a_score() -> None:
    found = decision("reject", rule="US-FTC", confidence=0.9, matches=[match("cure", 0.8)])
    flags, scores = categories(found, POLICY)
    assert (flags["disease"], flags["cure"]) == (True, False)
    assert (scores["disease"], scores["cure"]) == (0.9, 0.4)


def test_an_escalated_ad_has_what_it_matched_and_never_less_than_a_half() -> None:
    assert held(decision("escalate", matches=[match("cure", 0.3)])) == {"cure": 0.5}
    assert held(decision("escalate")) == {"other": 0.5}
    assert held(decision("escalate", findings=[finding("TT-WL", 0.6)])) == {"weight-loss": 0.6}


def test_a_rule_about_no_category_is_other_and_so_is_one_that_is_not_known() -> None:
    assert held(decision("reject", rule="CN-AL-15", confidence=0.8)) == {"other": 0.8}
    assert held(decision("reject", rule="GONE-1", confidence=0.8)) == {"other": 0.8}


def test_an_exemplars_own_category_counts_though_no_rule_is_about_it() -> None:
    found = decision("reject", confidence=1.0, matches=[match("brand-misuse", 1.0)])
    assert held(found) == {"brand-misuse": 1.0}


def test_look_alikes_and_what_was_found_compliant_count_for_nothing() -> None:
    alike = match("cure", 0.99, "lookalike")
    fine = finding("US-FTC", 0.1, "compliant")
    assert held(decision("escalate", matches=[alike], findings=[fine])) == {"other": 0.5}


def test_an_approved_ad_has_no_category_and_the_judges_probability() -> None:
    found = decision("approve", judged=True, confidence=0.8, matches=[match("cure", 0.9)])
    flags, scores = categories(found, POLICY)
    assert not any(flags.values())
    assert scores["cure"] == pytest.approx(0.2)
    assert sum(scores.values()) == pytest.approx(0.2)


def test_an_approved_ad_that_was_not_judged_scores_nothing() -> None:
    _, scores = categories(decision("approve", confidence=0.0), POLICY)
    assert set(scores.values()) == {0.0}


RULES = st.sampled_from(["", "US-FTC", "US-202.1", "CN-AL-15", "GONE-1"])
MATCHES = st.builds(
    match,
    st.sampled_from(["", "cure", "safety", "made-up"]),
    st.floats(-1, 1),
    st.sampled_from(["violation", "lookalike"]),
)
FINDINGS = st.builds(
    finding, RULES, st.floats(0, 1), st.sampled_from(["", "violation", "compliant"])
)


@given(
    st.sampled_from(["approve", "reject", "escalate"]),
    RULES,
    st.floats(0, 1),
    st.lists(MATCHES, max_size=4),
    st.lists(FINDINGS, max_size=3),
)
def test_whoever_reads_the_scores_alone_sees_the_same_as_who_reads_the_flags(
    outcome: str, rule: str, confidence: float, matches: list[Any], findings: list[Any]
) -> None:
    found = decision(outcome, rule=rule, confidence=confidence, matches=matches, findings=findings)
    flags, scores = categories(found, POLICY)
    assert any(flags.values()) == (outcome != "approve")
    assert all(0 <= score <= 1 for score in scores.values())
    if outcome != "approve":
        assert all((scores[name] >= 0.5) >= flags[name] for name in flags)
        assert all(scores[name] <= 0.5 for name in flags if not flags[name])
