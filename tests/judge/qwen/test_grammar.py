"""Nothing but JSON of the schema can be written, in the layout that the models are taught."""

import json
import random

import pytest
from llguidance import LLMatcher

from executors.judge.answer import UnusableAnswer, parse
from executors.judge.prompt import full_answer
from executors.judge.qwen.engine import Engine
from executors.judge.qwen.grammar import Grammar


@pytest.fixture(scope="module", params=[True, False], ids=["rationale", "none"])
def grammar(request: pytest.FixtureRequest, small: Engine) -> Grammar:
    tokenizer = small.loaded.processor.tokenizer
    return Grammar(tokenizer, len(tokenizer) + 8, rationale=request.param, threads=1)


def at_random(grammar: Grammar, small: Engine, rules: int, seed: int) -> str:
    """An answer by a model that knows nothing, which would rather end than go on."""
    rng, tokenizer = random.Random(seed), small.loaded.processor.tokenizer
    ends = [token for token in range(len(tokenizer)) if '"' in tokenizer.decode([token])]
    matcher, written = grammar.matcher(rules), []
    while not matcher.is_stopped():
        allowed = grammar.allowed([matcher])[0].nonzero()[:, 0].tolist()
        ending = [token for token in ends if token in allowed]
        token = rng.choice(ending if ending and rng.random() < 0.6 else allowed)
        assert matcher.consume_token(token)
        written.append(token)
    return tokenizer.decode(written, skip_special_tokens=True)


def fault(text: str, rules: int) -> str:
    """What keeps the answer from being used, in a word."""
    try:
        parse(text, rules)
    except UnusableAnswer as error:
        return next((word for word in ("claim", "contradict") if word in str(error)), str(error))
    return ""


@pytest.mark.parametrize("rules", [0, 1, 7])
def test_whatever_is_written_is_json_of_the_schema(
    grammar: Grammar, small: Engine, rules: int
) -> None:
    for seed in range(3):
        text = at_random(grammar, small, rules, seed)
        answer = json.loads(text)
        assert list(answer) == ["claims", "findings", "violation"]
        assert json.dumps(answer, ensure_ascii=False) == text
        assert all(finding["rule"] in range(1, rules + 1) for finding in answer["findings"])
        # What no grammar sees: a finding about a claim that is not there, or against the verdict.
        assert fault(text, rules) in ("", "claim", "contradict")


def test_the_taught_answer_is_within_the_grammar(grammar: Grammar, small: Engine) -> None:
    tokenizer = small.loaded.processor.tokenizer
    answer = full_answer([("picture", "Treats arthritis"), ("copy", "无效退款")], [])
    matcher: LLMatcher = grammar.matcher(3)
    tokens = tokenizer(answer)["input_ids"]
    assert matcher.try_consume_tokens(tokens) == len(tokens)
    assert matcher.is_accepting()
    assert matcher.is_stopped()


def test_logits_beyond_the_vocabulary_are_never_allowed(grammar: Grammar, small: Engine) -> None:
    size = len(small.loaded.processor.tokenizer)
    allowed = grammar.allowed([grammar.matcher(1)])
    assert allowed.shape == (1, size + 8)
    assert not allowed[0, size:].any()


def test_matchers_of_the_same_rules_go_their_own_ways(grammar: Grammar) -> None:
    one, other = grammar.matcher(2), grammar.matcher(2)
    forced = one.compute_ff_tokens()
    assert forced
    assert one.consume_tokens(forced)
    assert other.compute_ff_tokens() == forced
