"""The policy's words in an ad's copy, however they are written. See docs/screening.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import ahocorasick

from adjudicate.errors import ConfigurationError
from executors.library.standing import Shape, shape, stands
from executors.shared.folding import Folded, fold
from executors.shared.policy import Policy, Rule

_QUOTED = 100
"""Characters of the copy that a match quotes at most."""

# 1, ! and | stand for i and for l: copy that has them is read once with each.
_READINGS = (
    str.maketrans("013457@$!|", "oieastasii"),
    str.maketrans("013457@$!|", "oleastasll"),
)
_RUN = re.compile(r"(?<![\w@$!|])[\w@$!|]*[013457@$!|][\w@$!|]*")
"""Letters and what may stand for them, unbroken. Tried at its first character alone, so that the
time stays linear in the copy's length."""
_CAPITAL_I = re.compile(r"(?<=[a-z])I")


class Found(NamedTuple):
    """A rule that has a term in the copy, and the copy's own words."""

    rule: Rule
    quote: str


class Terms:
    """Finds the terms of all rules in one pass. Safe in threads."""

    def __init__(self, policy: Policy) -> None:
        """Raises `ConfigurationError` for a term that has neither letters nor digits."""
        self.policy = policy
        self._automaton = ahocorasick.Automaton()
        for rule in policy.rules.values():
            for term in rule.terms:
                wanted = _shape(rule, term)
                rules_of = self._automaton.get(wanted.letters, {})
                rules_of.setdefault(wanted, []).append(rule)
                self._automaton.add_word(wanted.letters, rules_of)
        self._automaton.make_automaton()

    def find(self, text: str, market: str | None, product: str | None) -> list[Found]:
        """The rules that an ad of this market and product is held to and that have a term in its
        copy, each with its first one, in the order of the copy."""
        if not len(self._automaton) or not text:
            return []
        first: dict[str, tuple[int, Found]] = {}
        for reading in _readings(text):
            for start, end, rule in self._standing(fold(reading)):
                known = first.get(rule.code)
                if rule.applies(market, product) and (known is None or start < known[0]):
                    quote = text[start:end][:_QUOTED]
                    first[rule.code] = start, Found(rule, quote)
        return [found for _, found in sorted(first.values(), key=lambda pair: pair[0])]

    def _standing(self, text: Folded) -> Iterator[tuple[int, int, Rule]]:
        for last, terms in self._automaton.iter(text.letters):
            for term, rules in terms.items():
                at = last - len(term.letters) + 1
                if stands(text, at, term):
                    for rule in rules:
                        yield text.starts[at], text.starts[last] + 1, rule


class TermsInForce:
    """The terms of the policy in force. Made anew beside the ads, not by one that waits."""

    def __init__(self) -> None:
        self._current = Terms(Policy.of(()))

    @property
    def current(self) -> Terms:
        """Terms and the policy that they are of. Keep them for all of one ad."""
        return self._current

    def prepare(self, policy: Policy) -> None:
        """From now on those of this policy. Raises `ConfigurationError` as `Terms`."""
        self._current = Terms(policy)


def _shape(rule: Rule, term: str) -> Shape:
    folded = fold(term)
    if not folded.letters:
        raise ConfigurationError(
            f"rule {rule.code}, terms: {term!r} has neither letters nor digits."
        )
    return shape(folded)


def _readings(text: str) -> Iterator[str]:
    """The copy, and where digits or signs stand among letters, with the letters they stand for.

    All readings have the length of the copy.
    """
    yield text
    one, other = (_as_letters(text, table) for table in _READINGS)
    # A capital I after a small letter is an l: `naturaI`.
    other = _CAPITAL_I.sub("l", other)
    if one != text:
        yield one
    if other not in (text, one):
        yield other


def _as_letters(text: str, table: dict[int, int]) -> str:
    return _RUN.sub(lambda run: _undisguised(run[0], table), text)


def _undisguised(run: str, table: dict[int, int]) -> str:
    """The run of letters and what stands for letters, read as letters; not what only ends it."""
    body = run.rstrip("!|")
    letters = sum(character.isalpha() for character in body)
    return body.translate(table) + run[len(body) :] if 2 * letters >= len(body) else run
