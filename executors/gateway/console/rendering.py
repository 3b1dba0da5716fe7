"""From a template and its data to a page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from executors.gateway.console.texts import Tell


@cache
def environment() -> Environment:
    """That of all pages: everything is escaped, and what is missing is an error."""
    made = Environment(
        loader=PackageLoader("executors.gateway.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(moment=moment, number=number, percent=percent)
    return made


def moment(at: str, form: str = "full") -> Markup:
    """A time of the tables, UTC in ISO 8601, as `<time>`: a script writes it in the reader's zone.

    `form`: `full`, `day`, or `ago` (how long ago, which the script keeps current).
    """
    try:
        parsed = datetime.fromisoformat(at).astimezone(UTC)
    except ValueError:
        return escape(at)
    shown = f"{parsed:%Y-%m-%d}" if form == "day" else f"{parsed:%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}" data-form="{}">{}</time>').format(
        parsed.isoformat(timespec="seconds"), form, shown
    )


def number(value: float, places: int = 0) -> str:
    """With separators of thousands."""
    return f"{value:,.{places}f}"


def percent(value: float | None, places: int = 0) -> str:
    """Of a share; a dash where there is none."""
    return "–" if value is None else f"{value:.{places}%}"


def ago(at: str, t: Tell) -> str:
    """How long ago, in words of one unit."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
    except (ValueError, TypeError):
        return at
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= size:
            return t(f"ago.{unit}", n=int(seconds // size))
    return t("ago.now")


def labelled(language_texts: Mapping[str, str], section: str, code: str) -> str:
    """The words for a code; the code itself where there are none yet."""
    return language_texts.get(f"{section}.{code}", code)
