"""What an ask for decisions means, once its fields are checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

from adjudicate.documents import DecisionAsk, Outcome
from adjudicate.errors import AdError, Code
from executors.shared.folding import fold

MOST = 1_000
"""Decisions of one page."""
_MOST_TEXT = 1_000
_IS_HASH = re.compile(r"[0-9a-f]{64}").fullmatch


@dataclass(frozen=True)
class Ask:
    """Fields as the tables have them; empty for what is not asked."""

    decision: str = ""
    letters: str = ""
    """The text's letters and digits as they are read."""
    picture: str = ""
    phash: str = ""
    copy_hash: str = ""
    advertiser: str = ""
    outcome: str = ""
    rule: str = ""
    market: str = ""
    product: str = ""
    since: str = ""
    until: str = ""
    limit: int = 50
    after: str = ""

    @property
    def about_rulings(self) -> bool:
        """Whether it matters what people ruled."""
        return bool(self.outcome or self.rule)


def read(asked: DecisionAsk) -> Ask:
    """The ask of a document. Raises `AdError` `invalid_field`."""
    for name in ("picture", "phash", "copy_hash"):
        value = getattr(asked, name)
        if value and not _IS_HASH(value):
            raise _wrong(f"{name} must be 64 hexadecimal digits in lower case")
    if asked.outcome and asked.outcome not in get_args(Outcome):
        raise _wrong(f"outcome must be one of {', '.join(get_args(Outcome))}")
    if not 1 <= asked.limit <= MOST:
        raise _wrong(f"limit must be from 1 to {MOST:,}")
    return Ask(
        picture=asked.picture,
        phash=asked.phash,
        copy_hash=asked.copy_hash,
        outcome=asked.outcome,
        limit=asked.limit,
        decision=_text("decision", asked.decision),
        advertiser=_text("advertiser", asked.advertiser),
        rule=_text("rule", asked.rule),
        market=_text("market", asked.market),
        product=_text("product", asked.product),
        after=_text("after", asked.after),
        letters=_letters(asked.text),
        since=_moment("since", asked.since),
        until=_moment("until", asked.until),
    )


def _text(name: str, value: str) -> str:
    if len(value) > _MOST_TEXT or "\0" in value:
        raise _wrong(f"{name} is too long, or has a NUL")
    return value


def _letters(text: str) -> str:
    if not text.strip():
        return ""
    letters = fold(_text("text", text)).letters
    if not letters:
        raise _wrong("text has neither a letter nor a digit to look for")
    return letters


def _moment(name: str, value: str) -> str:
    """As the tables have times: UTC, with milliseconds. Without an offset UTC is meant."""
    if not value:
        return ""
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _wrong(f"{name} must be a time such as 2026-01-31 or 2026-01-31T12:00Z") from None
    return moment.isoformat(timespec="milliseconds")


def _wrong(detail: str) -> AdError:
    return AdError(Code.INVALID_FIELD, detail)
