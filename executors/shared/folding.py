"""Copy as a reader sees it, whatever its characters are: what terms are looked for in.

| written                        | read as      | by |
|--------------------------------|--------------|----|
| Ｃｕｒｅ, 𝐜𝐮𝐫𝐞, ⓒⓤⓡⓔ, ﬁ, ⽇       | cure, fi, 日 | Unicode NFKC |
| CURE, Straße                   | cure, strasse| Unicode case folding |
| cüré, c u̶r̶e, zero-width space  | cure         | marks and format characters dropped |
| сurе (Cyrillic с, е), ϲυrе     | cure         | Unicode confusables (confusable-homoglyphs) |
| ᴄᴜʀᴇ, 🅲🆄🆁🅴, øđł              | cure, odl    | the letter that the character's name says |
| 療效                           | 疗效         | traditional to simplified (OpenCC) |
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

import opencc
from confusable_homoglyphs.confusables import confusables_data

ADJACENT, SYMBOLS, SPACE, SPACES, STOP, END = range(6)
"""How far apart two letters stand, by what is between them: nothing, symbols, one white space,
several, a mark that ends a phrase (or symbols with white space, or a line's end), the text's end.
"""

_STOPS = frozenset(
    ',;:!?()[]{}<>"。、…—«»‹›“”„「」『』《》〈〉【】〔〕\n\r\x0b\x0c\x85\u2028\u2029'
)
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
"""Of Hangul: letters by category, and invisible."""
_EMPTY_BRAILLE = "\u2800"
"""A symbol by category, and a space to the eye."""
_UNSEEN, _BLANK, _SYMBOL, _STOP = "\0", " ", "*", "\n"
"""What is read where there is neither letter nor digit."""
_LETTERS = re.compile(rf"[^{re.escape(_UNSEEN + _BLANK + _SYMBOL + _STOP)}]+")

_LETTER_BY_NAME = re.compile(
    r"(?:.*\bLATIN .*(?:LETTER|SMALL CAPITAL)|REGIONAL INDICATOR SYMBOL LETTER)"
    r" ([A-Z])(?: WITH .*)?"
).fullmatch
_TAKEN_FOR_E = frozenset("\u025b\u03b5\u0454")
"""Open e, epsilon and Ukrainian ie: by Unicode's table they resemble other letters more."""
_SIMPLIFIED = opencc.OpenCC("t2s")
_MOST_KNOWN = 50_000
"""Characters whose reading is kept: more than any copy has, fewer than a hostile one could name."""


class Folded(NamedTuple):
    """A text's letters and digits alone."""

    letters: str
    starts: tuple[int, ...]
    """Of each letter, the place of its character in the text."""
    gaps: tuple[int, ...]
    """Before each letter, and after the last: `ADJACENT` to `END`."""


def fold(text: str) -> Folded:
    """The letters and digits of a text as they are read, and how far apart they stand."""
    read = text.translate(_READ)
    origin: list[int] | range = range(len(text))
    if len(read) != len(text):  # ligatures and the like
        origin = [place for place, character in enumerate(text) for _ in _READ[ord(character)]]
    letters: list[str] = []
    starts: list[int] = []
    gaps: list[int] = []
    end = 0
    for run in _LETTERS.finditer(read):
        gaps.append(_gap(read[end : run.start()]) if letters else END)
        gaps += [ADJACENT] * (len(run[0]) - 1)
        letters.append(run[0])
        starts += origin[run.start() : run.end()]
        end = run.end()
    return Folded("".join(letters), tuple(starts), (*gaps, END))


def is_cjk(letter: str) -> bool:
    """Whether a letter is of a script that puts no space between words: Han or kana."""
    return (
        "\u2e80" <= letter <= "\u9fff" or "\uf900" <= letter <= "\ufaff" or letter >= "\U00020000"
    )


class _Readings(dict[int, str]):
    """By code point, what a character is read as: never empty."""

    def __missing__(self, code: int) -> str:
        read = _reading(chr(code))
        if len(self) < _MOST_KNOWN:
            self[code] = read
        return read


def _reading(character: str) -> str:
    category = unicodedata.category(character)
    if character.isspace() or character == _EMPTY_BRAILLE:
        return _STOP if character in _STOPS else _BLANK
    if character in _FILLERS or category in ("Mn", "Me", "Cf", "Cc", "Cs"):
        return _UNSEEN
    plain = unicodedata.normalize("NFKC", _latin(character))
    marked = unicodedata.normalize("NFD", plain.casefold())
    unmarked = "".join(part for part in marked if unicodedata.category(part) != "Mn")
    whole = unicodedata.normalize("NFC", unmarked)
    letters = "".join(_letter(part) for part in whole if part.isalnum())
    return letters or (_STOP if _STOPS.intersection(plain) else _SYMBOL)


def _letter(letter: str) -> str:
    if not is_cjk(letter):
        return _latin(letter).casefold()
    simplified: str = _SIMPLIFIED.convert(letter)
    return simplified if len(simplified) == 1 else letter


def _latin(character: str) -> str:
    """The Latin letter that a letter-like character looks like; the character if none."""
    for _ in range(2):  # Cyrillic т looks like the small capital T, whose name says T
        if character.isascii() or is_cjk(character):
            return character
        if character in _TAKEN_FOR_E:
            return "e"
        named = _LETTER_BY_NAME(unicodedata.name(character, ""))
        character = named[1] if named else _LOOKS_LIKE.get(character, character)
    return character


def _gap(between: str) -> int:
    marks = between.replace(_UNSEEN, "")
    if not marks:
        return ADJACENT
    if _STOP in marks or (_BLANK in marks and _SYMBOL in marks):
        return STOP
    return SYMBOLS if _SYMBOL in marks else SPACE if len(marks) == 1 else SPACES


def _letter_of(looks: str) -> str:
    """The one letter of a look-alike, without the marks on it; empty if that is not what it is."""
    bare = [part for part in looks if unicodedata.category(part) not in ("Mn", "Cf")]
    return bare[0] if len(bare) == 1 and bare[0].isalpha() else ""


def _look_alikes() -> dict[str, str]:
    found = {}
    for character, looks in confusables_data.items():
        if len(character) != 1 or character.isascii() or not character.isalpha():
            continue
        letters = [letter for look in looks if (letter := _letter_of(look["c"]))]
        # ASCII first: several looks are listed, in no order that matters.
        letters.sort(key=lambda letter: (not letter.isascii(), letter))
        if letters and "LATIN" in unicodedata.name(letters[0], ""):
            # Unicode's table takes capital I and small l for one.
            is_capital_i = letters[0] == "l" and character.isupper()
            found[character] = "i" if is_capital_i else letters[0]
    return found


_LOOKS_LIKE = _look_alikes()
_READ = _Readings()
