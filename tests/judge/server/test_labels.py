"""Labels of a short answer, and the probability that their tokens give them."""

from __future__ import annotations

import math

import pytest

from executors.judge.answer import UnusableAnswer
from executors.judge.server.labels import Label, read_labels
from executors.judge.server.reply import Reply, Token

BOTH = ("violation", "instruction")


def token(text: str, **alternatives: float) -> Token:
    """A token with its alternatives' probabilities; a `_` in a name is a space."""
    listed = {name.replace("_", " "): math.log(p) for name, p in alternatives.items()}
    return Token(text, listed.get(text, 0.0), tuple(listed.items()))


def reply(*tokens: Token | str) -> Reply:
    read = tuple(t if isinstance(t, Token) else Token(t, 0.0, ((t, 0.0),)) for t in tokens)
    return Reply("".join(t.text for t in read), read)


def violation(*tokens: Token | str) -> float | None:
    return read_labels(reply(*tokens), ("violation",))["violation"].probability


def test_each_label_has_the_probability_of_its_own_token() -> None:
    found = read_labels(
        reply(
            '{"',
            *("violation", '":'),
            token(" true", _true=0.8, _false=0.2),
            ', "instruction":',
            token(" false", _true=0.1, _false=0.9),
            "}",
        ),
        BOTH,
    )
    assert found["violation"] == Label(True, pytest.approx(0.8))
    assert found["instruction"] == Label(False, pytest.approx(0.1))


def test_what_spells_neither_is_left_out_of_the_share() -> None:
    found = violation('{"violation":', token(" true", _true=0.3, _false=0.1, maybe=0.5, _=0.1), "}")
    assert found == pytest.approx(0.75)


def test_all_tokens_that_start_a_label_count_for_it() -> None:
    found = violation(
        '{"violation": ', token("t", t=0.2, true=0.1, tr=0.1, f=0.3, false=0.3), "rue", "}"
    )
    assert found == pytest.approx(0.4)


def test_a_token_may_hold_more_than_the_label() -> None:
    listed = {'":true}': 0.6, '":false}': 0.2, "true": 0.2}
    whole = Token('":true}', math.log(0.6), tuple((t, math.log(p)) for t, p in listed.items()))
    assert violation('{"violation', whole) == pytest.approx(0.75)


def test_a_label_that_is_not_listed_is_no_likelier_than_the_least_that_is() -> None:
    found = violation('{"violation":', token(" true", _true=0.9, maybe=0.06, no=0.02), "}")
    assert found == pytest.approx(0.9 / 0.92)


def test_nor_than_what_the_listed_ones_leave() -> None:
    found = violation('{"violation":', token(" true", _true=0.98, no=0.019), "}")
    assert found == pytest.approx(0.98 / 0.981)


def test_a_server_that_masks_before_it_says_leaves_certainty() -> None:
    sure = Token(" true", 0.0, ((" true", 0.0), (" false", -9999.0)))
    assert violation('{"violation":', sure, "}") == 1.0


def test_the_last_such_key_is_meant() -> None:
    found = read_labels(
        Reply(
            '{"violation": false}',
            reply(
                '"violation":',
                token(" true", _true=0.9, _false=0.1),
                '{"violation":',
                token(" false", _true=0.2, _false=0.8),
                "}",
            ).tokens,
        ),
        ("violation",),
    )
    assert found["violation"].probability == pytest.approx(0.2)


def test_without_tokens_there_is_only_the_label() -> None:
    found = read_labels(Reply('{"violation": true, "instruction": false}'), BOTH)
    assert [found[key].probability for key in BOTH] == [None, None]
    assert [found[key].calibrated(3.0) for key in BOTH] == [1.0, 0.0]


def test_a_fence_is_forgiven() -> None:
    assert read_labels(Reply('```json\n{"violation": true}\n```'), ("violation",))


@pytest.mark.parametrize(
    "text",
    [
        *("", "true", "[]", '{"violation": "true"}', '{"violation": null}', '{"violation": 1}'),
        *('{"instruction": true}', '{"violation": true, "x": 1}', '{"violation": true} so'),
        "[" * 100_000,
    ],
)
def test_anything_else_is_unusable(text: str) -> None:
    with pytest.raises(UnusableAnswer):
        read_labels(Reply(text), ("violation",))


@pytest.mark.parametrize("p", [0.02, 0.5, 0.97])
def test_the_temperature_divides_the_logit(p: float) -> None:
    hot = Label(True, p).calibrated(2.5)
    assert math.log(hot / (1 - hot)) == pytest.approx(math.log(p / (1 - p)) / 2.5, abs=1e-12)
    assert Label(True, p).calibrated() == pytest.approx(p)
    assert Label(True, 1e-300).calibrated(0.001) == pytest.approx(0.0)
