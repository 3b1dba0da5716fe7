"""What the judge wrote: used only when it holds, never read generously."""

import json

import pytest

from executors.judge.answer import Answer, UnusableAnswer, is_quoted, parse

CODES = {"CN-AL-18", "EU-83-90"}
GOOD = {"claim": "降血糖神器", "rule": "CN-AL-18", "violation": True, "rationale": "a cure"}


def _with(**changes: object) -> str:
    return json.dumps({**GOOD, **changes}, ensure_ascii=False)


def test_a_good_answer_is_read() -> None:
    assert parse(_with(), CODES) == Answer("降血糖神器", "CN-AL-18", True, "a cure")


def test_a_compliant_answer_needs_no_claim_and_no_rationale() -> None:
    text = '{"claim": "", "rule": null, "violation": false}'
    assert parse(text, CODES) == Answer("", None, False, "")


def test_a_markdown_fence_is_forgiven() -> None:
    assert parse(f"```json\n{_with()}\n```", CODES).violation


@pytest.mark.parametrize(
    "text",
    [
        "",
        "compliant",
        "true",
        "[]",
        '{"claim": "x", "rule": "CN-AL-18", "violation": true',
        f"Sure! {_with()}",
        _with() + _with(),
        '{"violation": true, "violation": false, "claim": "x", "rule": null}',
        _with(violation="true"),
        _with(violation=1),
        _with(violation=None),
        _with(rule="CN-AL-99"),
        _with(rule=["CN-AL-18"]),
        _with(rule=None),
        _with(violation=False),
        _with(claim=""),
        _with(claim="  "),
        _with(claim=None),
        _with(claim=["x"]),
        _with(claim="a\u0000b"),
        '{"claim": "a\nb", "rule": "CN-AL-18", "violation": true}',
        _with(claim="x" * 501),
        _with(rationale="x" * 1001),
        _with(rationale=3),
        '{"claim": "\\ud800", "rule": "CN-AL-18", "violation": true}',
        "[" * 100_000,
        '{"rule": null, "violation": false}',
    ],
)
def test_anything_else_is_unusable(text: str) -> None:
    with pytest.raises(UnusableAnswer):
        parse(text, CODES)


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
