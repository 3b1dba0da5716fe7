"""The words of `instructions.yaml`, looked for in one reading of a text."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import yaml

_FILE = Path(__file__).with_name("instructions.yaml")
_LEAST_IN_PIECES = 4
"""Letters of a word where words have no ends: shorter ones stand in many others."""
_CROWD = "about the review"

_Language = Mapping[str, re.Pattern[str]]


class Instruction(NamedTuple):
    """What was found: the family of such text, and the words as they were read."""

    family: str
    words: str


class _Mark(NamedTuple):
    start: int
    end: int
    chinese: bool


class _Pair(NamedTuple):
    family: str
    first: str
    second: str
    within: int
    ordered: bool


@cache
def vocabulary(*, broken_up: bool = False) -> Vocabulary:
    """The vocabulary for `readings.words`, or for `readings.joined`."""
    return Vocabulary(yaml.safe_load(_FILE.read_text(encoding="utf-8")), broken_up=broken_up)


class Vocabulary:
    """Phrases that are enough alone, pairs and crowds of words that are enough together."""

    def __init__(self, content: Mapping[str, Any], *, broken_up: bool) -> None:
        def compiled(each: Mapping[str, Sequence[str]]) -> _Language:
            return {
                language: re.compile(_one_of(each[language], language, broken_up))
                for language in ("en", "zh")
                if language in each
            }

        subjects = content["subjects"]
        self._least = _LEAST_IN_PIECES if broken_up else 1
        self._lawful = compiled(content["lawful"])
        self._phrases = {name: compiled(each) for name, each in content["phrases"].items()}
        self._groups = {name: compiled(each) for name, each in content["groups"].items()}
        self._pairs = [
            _Pair._make([*row, ordered])
            for ordered, rows in ((True, content["ordered"]), (False, content["either"]))
            for row in rows
        ]
        self._within, self._enough = int(subjects["within"]), int(subjects["least"])
        self._subjects = {
            name: (tuple(each["groups"]), compiled(each)) for name, each in subjects["of"].items()
        }

    def find(self, read: str) -> Instruction | None:
        """The first phrase, else the first words that stand close enough together."""
        for lawful in self._lawful.values():
            read = lawful.sub(".", read)
        for family, phrases in self._phrases.items():
            for pattern in phrases.values():
                if match := pattern.search(read):
                    return Instruction(family, match[0])
        marks = {name: self._marks(each, read) for name, each in self._groups.items()}
        return self._pair(read, marks) or self._crowd(read, marks)

    def _pair(self, read: str, marks: Mapping[str, list[_Mark]]) -> Instruction | None:
        for family, first, second, within, ordered in self._pairs:
            found = _followed(marks[first], marks[second], within)
            if found is None and not ordered:
                found = _followed(marks[second], marks[first], within)
            if found is not None:
                return Instruction(family, read[found])
        return None

    def _crowd(self, read: str, marks: Mapping[str, list[_Mark]]) -> Instruction | None:
        """The first stretch that touches enough subjects of a review, each in words of its own."""
        placed = sorted(
            (mark, subject)
            for subject, (groups, own) in self._subjects.items()
            for mark in chain(*(marks[name] for name in groups), self._marks(own, read))
        )
        for place, (first, _) in enumerate(placed):
            seen: set[str] = set()
            end, reach = 0, self._within // (3 if first.chinese else 1)
            for mark, subject in placed[place:]:
                if mark.end - first.start > reach:
                    break
                if subject in seen or mark.start < end:
                    continue
                seen.add(subject)
                end = mark.end
                if len(seen) >= self._enough:
                    return Instruction(_CROWD, read[first.start : end])
        return None

    def _marks(self, each: _Language, read: str) -> list[_Mark]:
        return sorted(
            _Mark(*match.span(), language == "zh")
            for language, pattern in each.items()
            for match in pattern.finditer(read)
            if len(match[0]) >= self._least
        )


def _followed(some: Sequence[_Mark], others: Sequence[_Mark], within: int) -> slice | None:
    """Where one of some is followed by one of the others, close enough. Both are in order."""
    starts = [other.start for other in others]
    for one in some:
        place = bisect_left(starts, one.end)
        if place < len(others):
            other = others[place]
            reach = within // (1 + one.chinese + other.chinese)
            if other.start - one.end <= reach:
                return slice(one.start, other.end)
    return None


def _one_of(expressions: Iterable[str], language: str, broken_up: bool) -> str:
    inner = "|".join(f"(?:{one})" for one in expressions)
    if broken_up:
        return _closed_up(inner)
    return rf"\b(?:{inner})\b".replace(" ", "[ .]") if language == "en" else f"(?:{inner})"


def _closed_up(expression: str) -> str:
    """The expression for letters with nothing between them, where a word has no end either.

    What stands for any word is bounded: unbounded and nested it would take for ever.
    """
    some = re.sub(r"\(\?: ?\\w\+ ?\)(?:[?*]|\{[\d,]+\})", r"\\w{0,12}?", expression)
    short = re.sub(r"\\w[+*]", r"\\w{0,6}?", some)
    return short.replace(" ?", "").replace(" ", "").replace(r"\b", "")
