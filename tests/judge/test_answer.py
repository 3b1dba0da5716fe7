"""What the judge wrote: used only when it holds, never read generously."""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from executors.judge.answer import (
    MAX_CLAIMS,
    MAX_QUOTE,
    MAX_RATIONALE,
    Answer,
    Breach,
    Claim,
    UnusableAnswer,
    is_quoted,
    json_schema,
    parse,
)
from executors.judge.prompt import full_answer
from executors.judge.qwen.grammar import Grammar
from executors.shared.settings import ROOT

RULES = 3
CLAIM = {"from": "picture", "quote": "降血糖神器"}
FINDING = {"claim": 1, "rule": 2, "rationale": "a cure"}
GOOD: dict[str, Any] = {"claims": [CLAIM], "findings": [FINDING], "violation": True}
QUOTED = Claim("picture", "降血糖神器")


def _with(**changes: object) -> str:
    return json.dumps({**GOOD, **changes}, ensure_ascii=False)


def _claim(**changes: object) -> str:
    return _with(claims=[{**CLAIM, **changes}])


def _finding(**changes: object) -> str:
    return _with(findings=[{**FINDING, **changes}])


def test_a_good_answer_is_read_with_rules_counted_from_0() -> None:
    answer = parse(_with(), RULES)
    assert answer == Answer((QUOTED,), (Breach(QUOTED, 1, "a cure"),))
    assert answer.violation


def test_a_compliant_answer_still_says_what_it_read() -> None:
    answer = parse(_with(findings=[], violation=False), RULES)
    assert answer == Answer((QUOTED,), ())
    assert not answer.violation


def test_an_ad_may_say_nothing_and_a_rationale_may_be_left_out() -> None:
    assert parse('{"claims": [], "findings": [], "violation": false}', 0) == Answer((), ())
    assert parse(_with(findings=[{"claim": 1, "rule": 3}]), RULES).breaches[0].rationale == ""


def test_one_claim_may_break_several_rules_and_a_finding_said_twice_counts_once() -> None:
    findings = [FINDING, {"claim": 1, "rule": 1}, FINDING]
    breaches = parse(_with(findings=findings), RULES).breaches
    assert [breach.rule for breach in breaches] == [1, 0]


def test_a_markdown_fence_is_forgiven() -> None:
    assert parse(f"```json\n{_with()}\n```", RULES).violation


def test_texts_are_composed_and_their_spaces_made_one() -> None:
    answer = parse(_claim(quote="  Cu\u0301ra \u3000 todo "), RULES)
    assert answer.claims[0].quote == "C\u00fara todo"


UNUSABLE = {
    "nothing": "",
    "prose": "compliant",
    "a bare value": "true",
    "a list": "[]",
    "cut off": _with()[:-1],
    "prose before": f"Sure! {_with()}",
    "two objects": _with() + _with(),
    "a key twice": '{"violation": true, "violation": false, "claims": [], "findings": []}',
    "a key too many": _with(verdict="x"),
    "no claims": json.dumps({"findings": [], "violation": False}),
    "no findings": json.dumps({"claims": [CLAIM], "violation": False}),
    "no verdict": json.dumps({"claims": [CLAIM], "findings": []}),
    "a label alone": '{"violation": false}',
    "the schema of before": '{"claim": "x", "rule": null, "violation": false}',
    "a verdict in words": _with(violation="true"),
    "a verdict as number": _with(violation=1),
    "no verdict but null": _with(violation=None),
    "findings but compliant": _with(violation=False),
    "a violation without finding": _with(findings=[]),
    "claims that are no list": _with(claims=CLAIM),
    "a claim as text": _with(claims=["x"]),
    "a claim from nowhere": _claim(**{"from": "sound"}),
    "an empty quote": _claim(quote=""),
    "a blank quote": _claim(quote=" \u3000 "),
    "a quote that is null": _claim(quote=None),
    "a quote with a control character": _claim(quote="a\u0000b"),
    "a quote with half a surrogate": '{"claims": [{"from": "copy", "quote": "\\ud800"}], '
    '"findings": [], "violation": false}',
    "a quote with a line break": '{"claims": [{"from": "copy", "quote": "a\nb"}], '
    '"findings": [], "violation": false}',
    "a quote too long": _claim(quote="x" * (MAX_QUOTE + 1)),
    "too many claims": _with(claims=[CLAIM] * (MAX_CLAIMS + 1)),
    "too many findings": _with(findings=[FINDING] * (MAX_CLAIMS + 1)),
    "a rationale too long": _finding(rationale="x" * (MAX_RATIONALE + 1)),
    "a rationale as number": _finding(rationale=3),
    "a claim that was not quoted": _finding(claim=2),
    "claim 0": _finding(claim=0),
    "a rule that does not stand there": _finding(rule=4),
    "rule 0": _finding(rule=0),
    "a rule by its code": _finding(rule="CN-AL-18"),
    "a rule as a fraction": _finding(rule=1.5),
    "a finding without rule": _with(findings=[{"claim": 1}]),
    "nested without end": "[" * 100_000,
}


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE)
def test_anything_else_is_unusable(text: str) -> None:
    with pytest.raises(UnusableAnswer):
        parse(text, RULES)


@given(st.text())
def test_any_text_is_an_answer_or_unusable(text: str) -> None:
    with pytest.raises(UnusableAnswer):
        parse(text, RULES)


@cache
def _grammar(rationale: bool) -> tuple[Grammar, Any]:
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models" / "judge", local_files_only=True)
    return Grammar(tokenizer, len(tokenizer), rationale=rationale, threads=1), tokenizer


def _accepts(text: str, rules: int, *, rationale: bool) -> bool:
    """Whether the grammar lets the model write this, and end there."""
    grammar, tokenizer = _grammar(rationale)
    matcher = grammar.matcher(rules)
    tokens = tokenizer(text)["input_ids"]
    return matcher.consume_tokens(tokens) and matcher.is_accepting()


def _written_at_random(seed: int, rules: int, *, rationale: bool) -> str:
    """An answer of a model that knows nothing: any token that the grammar allows."""
    grammar, tokenizer = _grammar(rationale)
    rng, matcher = Random(seed), grammar.matcher(rules)
    closing = [
        token for token in range(len(tokenizer)) if tokenizer.decode([token]).startswith('"')
    ]
    tokens: list[int] = []
    while not matcher.is_stopped():
        allowed = grammar.allowed([matcher])[0].nonzero()[:, 0].tolist()
        ends = [token for token in allowed if token in closing]
        token = rng.choice(ends if ends and rng.random() < 0.2 else allowed)
        assert matcher.consume_token(token)
        tokens.append(token)
        assert len(tokens) < 20_000
    return str(tokenizer.decode(tokens, skip_special_tokens=True))


@pytest.mark.parametrize("rationale", [False, True])
@pytest.mark.parametrize("rules", [0, 1, 21])
def test_whatever_the_grammar_lets_a_model_write_has_the_schema(
    rules: int, rationale: bool
) -> None:
    reasons = set()
    for seed in range(12):
        text = _written_at_random(seed, rules, rationale=rationale)
        data = json.loads(text)
        assert list(data) == ["claims", "findings", "violation"]
        assert all(list(claim) == ["from", "quote"] for claim in data["claims"])
        assert all(("rationale" in finding) == rationale for finding in data["findings"])
        try:
            parse(text, rules)
        except UnusableAnswer as error:
            reasons.add(str(error))
    # What no grammar says: that the parts of an answer agree.
    assert reasons <= {
        "a finding about a claim that was not quoted",
        "the verdict and the findings contradict each other",
    }


@pytest.mark.parametrize("rationale", [False, True])
def test_the_grammar_allows_what_a_tuned_model_is_taught(rationale: bool) -> None:
    taught = full_answer([("picture", "治愈率高达98%"), ("copy", "Bio, 5 < 6")], [])
    assert _accepts(taught, RULES, rationale=rationale)
    with_finding = full_answer([("copy", "Bio")], [(1, RULES)])
    assert _accepts(with_finding, RULES, rationale=False)
    assert not _accepts(with_finding, RULES, rationale=True)
    assert not _accepts(with_finding, RULES - 1, rationale=False)


@pytest.mark.parametrize(
    "text",
    [
        'Sure! {"claims": [], "findings": [], "violation": false}',
        '{"claims": [], "findings": [], "violation": false} and more',
        '{"claims": [], "findings": []}',
        '{"violation": false, "claims": [], "findings": []}',
        '{"claims": [{"from": "copy", "quote": "a\\u0000"}], "findings": [], "violation": false}',
        '{"claims": [{"from": "copy", "quote": ""}], "findings": [], "violation": false}',
    ],
)
def test_the_grammar_allows_nothing_else(text: str) -> None:
    assert not _accepts(text, RULES, rationale=False)


def test_without_rules_there_are_no_findings() -> None:
    assert json_schema(0, rationale=False)["properties"]["findings"]["maxItems"] == 0
    assert not _accepts(full_answer([("copy", "Bio")], [(1, 1)]), 0, rationale=False)


@pytest.mark.parametrize(
    ("claim", "copy"),
    [
        ("Treats arthritis", "Meet Aurora. TREATS  ARTHRITIS!"),
        ("治愈率高达98%", "新品：治愈率高达９８％。"),
    ],
)
def test_a_quote_is_found_whatever_its_case_width_and_spacing(claim: str, copy: str) -> None:
    assert is_quoted(claim, copy)


def test_a_claim_that_the_ad_does_not_make_is_no_quote() -> None:
    assert not is_quoted("Cures cancer", "Supports daily joint comfort")
