"""Reading a long copy with a model of a short context, so that no claim stays unread.

CLIP cuts a text at 24 or 77 tokens. A copy is therefore read in windows:

- the whole, if it fits;
- each sentence (a sentence that does not fit: each clause; a clause that does not fit: pieces that
  overlap by a quarter), so that a claim is compared undiluted;
- runs of neighbours, as many as fit, each run sharing a sentence with the next, so that a claim
  that spans two sentences is read in one go.

A copy of very many sentences is read in fewer, larger windows: short sentences are joined.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

MAX_WINDOWS = 256
"""More only where the copy does not fit into as many full windows."""

Span = tuple[int, int]

_SENTENCE = re.compile(r"\n+|[。！？；…!?;]+[\"'”’」』）)\]]*|(?<!\.)\.+[\"'”’)\]]*(?=\s)")
# Not within a number; cleaning makes ASCII of the full-width comma, so no blank needs to follow.
_CLAUSE = re.compile(r"[，、：·•|]+|[,:](?!\d)|(?<!\d)[,:]|(?<=\s)[-–—](?=\s)")
_EDGES = " \n.,;:!?。，、；：！？…·•|-–—"
# Scripts without spaces between words are cut between any two characters, others between words.
_ATOM = re.compile(r"[\u0e00-\U0010ffff]|[^\W\u0e00-\U0010ffff]{1,8}|[^\w\s]")
# So that a word of four characters, of a script without spaces, is whole in one piece or the next.
_SHARED_ATOMS = 3
_LONG_RUN = re.compile(r"[^\W\d_]{65}|[^\w\s]{65}")


def windows(
    text: str, count: Callable[[str], int], budget: int, *, one_if_it_fits: bool = False
) -> list[str]:
    """The windows of a copy, each of at most `budget` tokens by `count`; none for a blank text.

    Together they cover every word of the text. Punctuation at their ends is dropped: it is no part
    of a claim, and CLIP takes "cured!" for something else than "cured". `one_if_it_fits` leaves
    out the parts of a text that fits as a whole.
    """
    return _Copy(text, count, budget).windows(one_if_it_fits) if text.strip() else []


class _Copy:
    """One text, spans of it, and what they cost in tokens."""

    def __init__(self, text: str, count: Callable[[str], int], budget: int) -> None:
        self.text = text
        self.budget = budget
        self._count = count
        self._costs: dict[str, int] = {}

    def windows(self, one_if_it_fits: bool) -> list[str]:
        whole = (0, len(self.text))
        if one_if_it_fits and self._fits(whole):
            return self._texts([whole])
        parts = self._parts()
        if self._fits(whole):
            return self._texts([whole, *parts])
        texts = self._texts([*parts, *self._runs(parts)])
        joined_to = 4
        while len(texts) > MAX_WINDOWS and joined_to < 2 * self.budget:
            parts = self._joined(parts, joined_to)
            texts = self._texts([*parts, *self._runs(parts)])
            joined_to *= 2
        return texts if len(texts) <= MAX_WINDOWS else self._texts(parts)

    def _parts(self) -> list[Span]:
        """Sentences, clauses or pieces: the largest of these that fit. They cover the text."""
        parts: list[Span] = []
        for sentence in self._split((0, len(self.text)), _SENTENCE):
            if self._fits(sentence):
                parts.append(sentence)
                continue
            for clause in self._split(sentence, _CLAUSE):
                parts.extend([clause] if self._fits(clause) else self._pieces(clause))
        return parts

    def _split(self, span: Span, after: re.Pattern[str]) -> Iterable[Span]:
        start, end = span
        for mark in after.finditer(self.text, start, end):
            yield from self._inked((start, mark.end()))
            start = mark.end()
        yield from self._inked((start, end))

    def _inked(self, span: Span) -> list[Span]:
        return [span] if self.text[slice(*span)].strip() else []

    def _pieces(self, span: Span) -> list[Span]:
        atoms = [match.span() for match in _ATOM.finditer(self.text, *span)]
        pieces: list[Span] = []
        first = 0
        while first < len(atoms):
            last = self._reach(atoms, first)
            pieces.append((atoms[first][0], atoms[last][1]))
            if last == len(atoms) - 1:
                break
            shared = max(_SHARED_ATOMS, (last + 1 - first) // 4)
            first = max(first + 1, last + 1 - shared)
        return pieces

    def _reach(self, atoms: list[Span], first: int) -> int:
        """The last atom that fits into one window with the first: a guess by sum, then exact."""
        frame = self._cost("")
        last, cost = first, frame
        for index in range(first, len(atoms)):
            cost += self._cost(self.text[slice(*atoms[index])]) - frame
            if cost > self.budget:
                break
            last = index
        while last > first and not self._fits((atoms[first][0], atoms[last][1])):
            last -= 1
        return last

    def _joined(self, parts: list[Span], tokens: int) -> list[Span]:
        """Neighbours put together until each part has as many tokens, where they fit."""
        joined: list[Span] = []
        for part in parts:
            if joined and self._cost(self.text[slice(*joined[-1])]) < tokens:
                both = (joined[-1][0], part[1])
                if self._fits(both):
                    joined[-1] = both
                    continue
            joined.append(part)
        return joined

    def _runs(self, parts: list[Span]) -> list[Span]:
        """Runs of two and more neighbours that fit, each sharing its last part with the next."""
        runs: list[Span] = []
        first = 0
        while first < len(parts) - 1:
            last = first
            while last + 1 < len(parts) and self._fits((parts[first][0], parts[last + 1][1])):
                last += 1
            if last > first:
                runs.append((parts[first][0], parts[last][1]))
            if last == len(parts) - 1:
                break
            first = max(last, first + 1)
        return runs

    def _fits(self, span: Span) -> bool:
        text = self.text[slice(*span)]
        # No tokenizer packs more than some twenty characters into a token; and byte-pair merging
        # takes time quadratic in the length of a run, which must not be left to strangers.
        if len(text) > 20 * self.budget or _LONG_RUN.search(text):
            return False
        return self._cost(text) <= self.budget

    def _cost(self, text: str) -> int:
        if text not in self._costs:
            self._costs[text] = self._count(text)
        return self._costs[text]

    def _texts(self, spans: Iterable[Span]) -> list[str]:
        texts = (self.text[slice(*span)].strip() for span in spans)
        return list(dict.fromkeys(text.strip(_EDGES) or text for text in texts))
