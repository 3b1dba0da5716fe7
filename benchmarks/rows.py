"""One figure of a benchmark, and the table of them."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Sequence
from typing import TypedDict

from rich.console import Console
from rich.table import Table

_COMPARE = {">=": operator.ge, "<=": operator.le, "==": operator.eq}


class Row(TypedDict):
    """A figure. `bar` is what it must reach, such as `>= 0.95`, or empty; `holds` is None then."""

    name: str
    value: float
    unit: str
    bar: str
    holds: bool | None


def row(name: str, value: float, unit: str = "", bar: str = "") -> Row:
    """A figure held against its bar.

    Raises `ValueError` for a bar that is not a comparison and a number.
    """
    holds = None
    if bar:
        sign, _, limit = bar.partition(" ")
        if sign not in _COMPARE:
            raise ValueError(f"a bar is such as '>= 0.95', not {bar!r}")
        holds = bool(_COMPARE[sign](value, float(limit)))
    return Row(name=name, value=round(float(value), 6), unit=unit, bar=bar, holds=holds)


def median_ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """The median of the rounds' ratios, of figures that were measured round by round."""
    return statistics.median(one / other for one, other in zip(of, to, strict=True))


def table(title: str, rows: list[Row]) -> str:
    """The rows as text."""
    drawn = Table(title=title, title_justify="left")
    for column, justify in (("name", "left"), ("value", "right"), ("unit", "left")):
        drawn.add_column(column, justify=justify)  # type: ignore[arg-type]
    drawn.add_column("bar")
    drawn.add_column("holds")
    for one in rows:
        held = {None: "", True: "yes", False: "NO"}[one["holds"]]
        drawn.add_row(one["name"], f"{one['value']:.4g}", one["unit"], one["bar"], held)
    console = Console(width=110)
    with console.capture() as capture:
        console.print(drawn)
    return capture.get()
