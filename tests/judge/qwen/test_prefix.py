"""A prefix is computed once, and kept while the bound holds it."""

from executors.judge.backend import Question
from executors.judge.qwen.engine import Engine
from executors.judge.qwen.prefix import PrefixCache


def cache(engine: Engine, most: int) -> PrefixCache:
    return PrefixCache(engine.loaded.model.model.language_model, most, eager=False)


def test_a_prefix_is_computed_once(small: Engine) -> None:
    kept = cache(small, 10**6)
    first = kept.get((5, 6, 7))
    assert kept.get((5, 6, 7)) is first
    kept.get((5, 6, 8))
    assert kept.computed == 2


def test_the_one_not_used_for_longest_goes_when_the_bytes_run_out(small: Engine) -> None:
    size = cache(small, 10**6).get((1, 2, 3)).bytes
    assert size == 2 * 2 * 2 * 16 * 4 * 3  # keys and values, layers, heads, width, float32, tokens
    kept = cache(small, 2 * size)
    kept.get((1, 2, 3))
    kept.get((4, 5, 6))
    kept.get((1, 2, 3))
    kept.get((7, 8, 9))
    assert kept.computed == 3
    kept.get((1, 2, 3))
    assert kept.computed == 3
    kept.get((4, 5, 6))
    assert kept.computed == 4


def test_one_that_is_larger_than_the_bound_is_used_and_not_kept(small: Engine) -> None:
    kept = cache(small, 10)
    assert kept.get((1, 2, 3)).bytes > 10
    kept.get((1, 2, 3))
    assert kept.computed == 2


def test_ads_with_the_same_rules_share_one(small: Engine, questions: list[Question]) -> None:
    asked = [questions[0], questions[3], questions[0]]
    small.logits(asked)
    before = small.counters()["prefixes"]
    small.logits(asked)
    assert small.counters()["prefixes"] == before
