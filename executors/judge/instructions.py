"""Text in an ad that speaks to its reviewer. An honest ad has none, so it is a sign of its own.

Words (`instructions.yaml`) and punctuation (`signs`) are looked for in every way in which the text
can be read (`readings`). What is put in words of another kind is missed: the judge's own label for
such text, its fence around the copy and the calibrated probability of a violation stand beside it.
"""

from __future__ import annotations

from executors.judge.readings import backwards, decoded, disguised, joined, plain, words
from executors.judge.signs import SIGNS
from executors.judge.vocabulary import Instruction, vocabulary

__all__ = ["Instruction", "addresses_reviewer", "find_instruction"]

_ENCODED = "encoded"


def addresses_reviewer(text: str) -> bool:
    """Whether `text` speaks to whoever reviews the ad, in English or Chinese, however disguised."""
    return find_instruction(text) is not None


def find_instruction(text: str) -> Instruction | None:
    """The first words to its reviewer in `text`, and their family; None in an honest ad."""
    read = words(text)
    return _sign(plain(text)) or vocabulary().find(read) or _disguised(text, read) or _code(text)


def _disguised(text: str, read: str) -> Instruction | None:
    for reading in (*disguised(text), *backwards(read)):
        if found := vocabulary().find(reading):
            return found
    pieces = joined(read)
    return vocabulary(broken_up=True).find(pieces) if pieces else None


def _code(text: str) -> Instruction | None:
    for message in decoded(text):
        if found := _sign(plain(message)) or vocabulary().find(words(message)):
            return Instruction(_ENCODED, found.words)
    return None


def _sign(text: str) -> Instruction | None:
    for family, patterns in SIGNS.items():
        for pattern in patterns:
            if match := pattern.search(text):
                return Instruction(family, match[0])
    return None
