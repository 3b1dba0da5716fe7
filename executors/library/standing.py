"""Whether letters that spell a term are that term, or a part of other words.

A script with spaces (Latin, say) has words: `cure` is not in `secure`, though `c.u.r.e` is `cure`.
In Chinese a term may stand anywhere: `一个疗程根治失眠` has `根治`; so have `根 治` and `根*治`.
"""

from __future__ import annotations

from typing import NamedTuple

from executors.shared.folding import ADJACENT, END, SPACE, SPACES, SYMBOLS, Folded, is_cjk

_LONG = 6
"""Letters from which on a word may be split anywhere: no two other words happen to spell it."""
_SPELLED = 3
"""Letters from which on a word may be spelled out: `D. R.` are initials."""


class Shape(NamedTuple):
    """How a term is made up. Places count its letters."""

    letters: str
    joints: tuple[tuple[int, int], ...]
    """Where a word begins, digits end, or two Chinese characters meet, and how far apart that may
    be: spaces, or what the term itself has there."""
    words: tuple[range, ...]
    """The places inside a word of a spaced script, before which nothing should stand."""


def shape(term: Folded) -> Shape:
    """Of a term as the policy writes it."""
    letters = term.letters
    parted = [place for place in range(1, len(letters)) if _may_part(term, place)]
    joints = tuple((place, max(SPACES, term.gaps[place])) for place in parted)
    bounds = zip((0, *parted), (*parted, len(letters)), strict=True)
    words = (range(start + 1, end) for start, end in bounds)
    return Shape(letters, joints, tuple(word for word in words if word))


def stands(text: Folded, at: int, term: Shape) -> bool:
    """Whether the term stands at this letter of the text, which its letters do."""
    gaps = text.gaps
    if any(gaps[at + place] > widest for place, widest in term.joints):
        return False
    edges = _edge_before(text, at), _edge_after(text, at + len(term.letters) - 1)
    inside = [[gaps[at + place] for place in word] for word in term.words]
    split = [word for word in inside if max(word) > ADJACENT]
    if not split:
        return min(edges) > ADJACENT
    widest = max(map(max, split))
    shortest = 1 + min(map(len, split))
    if _spelled_out(inside) and len(term.letters) >= _SPELLED:
        # Letters of a longer word that is spelled out, as in `s e c u r e`, are not this word.
        before = edges[0] > widest or not _alone(text, at - 1)
        after = edges[1] > widest or not _alone(text, at + len(term.letters))
        if before and after and min(edges) > ADJACENT:
            return True
    if shortest >= _LONG and widest <= SPACE:
        return min(edges) > ADJACENT
    return shortest >= _SPELLED and widest == SYMBOLS and min(edges) >= SPACE


def _may_part(term: Folded, place: int) -> bool:
    before, after = term.letters[place - 1], term.letters[place]
    return (
        term.gaps[place] > ADJACENT
        or is_cjk(before)
        or is_cjk(after)
        or before.isdigit() != after.isdigit()
    )


def _spelled_out(words: list[list[int]]) -> bool:
    return all(gap > ADJACENT for word in words for gap in word)


def _alone(text: Folded, place: int) -> bool:
    """Whether a letter stands apart from both its neighbours."""
    return text.gaps[place] > ADJACENT and text.gaps[place + 1] > ADJACENT


def _edge_before(text: Folded, first: int) -> int:
    """How clearly a word begins at this letter: 0 when it goes on."""
    letters, gaps = text.letters, text.gaps
    if is_cjk(letters[first]):
        return END
    place = first
    while gaps[place] == ADJACENT and letters[place - 1].isdigit() > letters[first].isdigit():
        place -= 1  # the 5 of `5kg` is no part of its word
    if gaps[place] == ADJACENT:
        return END if is_cjk(letters[place - 1]) else ADJACENT
    return gaps[place] if place == first else SYMBOLS


def _edge_after(text: Folded, last: int) -> int:
    letters, gaps = text.letters, text.gaps
    if is_cjk(letters[last]):
        return END
    place = last
    while gaps[place + 1] == ADJACENT and letters[place + 1].isdigit() > letters[last].isdigit():
        place += 1
    if gaps[place + 1] == ADJACENT:
        return END if is_cjk(letters[place + 1]) else ADJACENT
    return gaps[place + 1] if place == last else SYMBOLS
