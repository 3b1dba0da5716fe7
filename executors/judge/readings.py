"""The ways in which a text can be read: as it stands, spelled out, in digits, backwards, decoded.

All but the plain one come as words: small letters, one space between words, a full stop where a
phrase ends, nothing between two Chinese characters.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from executors.shared.folding import ADJACENT, END, STOP, fold, is_cjk

_LEET = (
    str.maketrans("0123456789@$!|+€", "olzeasgtbgasiite"),
    str.maketrans("0123456789@$!|+€", "oizeasbtbgasllte"),
)
_DISGUISED = re.compile(r"(?<![\w@$!|+€])[\w@$!|+€]*[\d@$!|+€][\w@$!|+€]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ ,:]?){10,}")
_BINARY = re.compile(r"(?:[01]{8} ?){8,}")
_ESCAPES = re.compile(r"\\u([0-9A-Fa-f]{4})")
_QUOTES = str.maketrans("“”„‟«»「」『』‘’", '"' * 12)
_TAGS = range(0xE0020, 0xE007F)
_SELECTORS = range(0xE0100, 0xE01F0)
_PIECES = re.compile(r"(?<![^ .])(?:[^ .]{1,3}[ .]){5,}[^ .]{1,3}(?![^ .])|[a-z0-9]{12,}")
"""Of words: at least six of up to three letters in a row, or one of twelve."""
_LEAST_DECODED = 8
"""Characters below which a decoded text says nothing."""


def plain(text: str) -> str:
    """The text with its punctuation: compatible forms as one, what is invisible dropped."""
    normal = unicodedata.normalize("NFKC", text)
    seen = "".join(char for char in normal if unicodedata.category(char) != "Cf")
    return re.sub(r"\s+", " ", seen.translate(_QUOTES))


def words(text: str) -> str:
    """The text's words as a reader sees them, whatever characters they are written in."""
    letters, _, gaps = fold(text)
    parts: list[str] = []
    for place, (letter, gap) in enumerate(zip(letters, gaps, strict=False)):
        if place and gap != END:
            parts.append(_between(letters[place - 1], letter, gap))
        parts.append(letter)
    return "".join(parts)


def disguised(text: str) -> list[str]:
    """The words with digits and signs read as the letters that they resemble; none without such."""
    found = {_undisguised(text, table): None for table in _LEET}
    return [words(reading) for reading in found if reading != text]


def joined(read: str) -> str:
    """What is spelled out in pieces, and what is run together: letters with nothing between them.

    A full stop parts what stands in different places. Empty for ordinary words.
    """
    return ".".join(re.sub("[ .]", "", run) for run in _PIECES.findall(read))


def backwards(read: str) -> tuple[str, str]:
    """Words from the last letter to the first, and each word by itself."""
    return read[::-1], re.sub(r"[^ .]+", lambda word: word[0][::-1], read)


def decoded(text: str) -> Iterator[str]:
    """What stands in the text encoded: base64, hex, binary, escapes, entities, ROT13, invisible."""
    yield from _hidden(text)
    for unescaped in (html.unescape(text), unquote(text), _ESCAPES.sub(_code_point, text)):
        if unescaped != text:
            yield unescaped
    for run in _BASE64.findall(text):
        yield from _readable(_from_base64(run))
    for run in _HEX.findall(text):
        digits = re.sub(r"0x|\\x|[^0-9A-Fa-f]", "", run)
        yield from _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))
    for run in _BINARY.findall(text):
        yield from _readable(bytes(int(byte, 2) for byte in re.findall("[01]{8}", run)))
    yield codecs.encode(text, "rot13")


def _between(before: str, after: str, gap: int) -> str:
    if gap == STOP:
        return "."
    both = is_cjk(before), is_cjk(after)
    if all(both):
        return ""
    return " " if any(both) or gap != ADJACENT else ""


def _undisguised(text: str, table: dict[int, int]) -> str:
    return _DISGUISED.sub(lambda run: _letters(run[0], table), text)


def _letters(run: str, table: dict[int, int]) -> str:
    body = run.rstrip("!|+")
    letters = sum(character.isalpha() for character in body)
    return body.translate(table) + run[len(body) :] if 4 * letters >= len(body) else run


def _hidden(text: str) -> Iterator[str]:
    """Of tag characters and of supplementary variation selectors, which nobody sees."""
    for start, span in ((0xE0000, _TAGS), (0xE0100 - 16, _SELECTORS)):
        found = "".join(chr(ord(char) - start) for char in text if ord(char) in span)
        if len(found) >= _LEAST_DECODED:
            yield found


def _code_point(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


def _from_base64(run: str) -> bytes:
    body = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return b""


def _readable(data: bytes) -> Iterator[str]:
    """The bytes as text, where that is what they are."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    if len(text) >= _LEAST_DECODED and all(c.isprintable() or c.isspace() for c in text):
        yield text
