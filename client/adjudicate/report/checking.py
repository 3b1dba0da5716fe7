"""Bounds on a report's numbers: `adjudicate report --check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from adjudicate.report.measures import is_known, measures_of, unit_of
from adjudicate.report.model import Report
from adjudicate.report.show import amount

DEFAULT = "default"
"""Names the bounds that are shipped."""


class Bound(BaseModel):
    """What the numbers of a name may be at most, or must be at least."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    measure: str
    """A name of `adjudicate.report.measures`; `*` stands for any part of it."""
    most: float | None = None
    least: float | None = None
    required: bool = False
    """Whether a number that was not measured breaks the bound."""
    alert: str = ""
    """The alert of grafana/rules/alerts.yml that watches over the same."""

    @field_validator("measure")
    @classmethod
    def _known(cls, value: str) -> str:
        if not is_known(value):
            raise ValueError(f"no report has a number named {value[:80]!r}")
        return value

    @model_validator(mode="after")
    def _bounds_something(self) -> Bound:
        if self.most is None and self.least is None:
            raise ValueError("names neither most nor least")
        return self


class Bounds(BaseModel):
    """A file of bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bounds: tuple[Bound, ...]


@dataclass(frozen=True)
class Checked:
    """One number and its bound; the number is None where nothing was measured."""

    measure: str
    value: float | None
    bound: Bound

    @property
    def broken(self) -> bool:
        """Whether the bound does not hold."""
        if self.value is None:
            return self.bound.required
        most, least = self.bound.most, self.bound.least
        return (most is not None and self.value > most) or (
            least is not None and self.value < least
        )

    @property
    def said(self) -> str:
        """`stages.total.p95 is 12,000 ms, above the bound of 10,000 ms`."""
        unit, most, least = unit_of(self.measure), self.bound.most, self.bound.least
        if self.value is None:
            return f"{self.measure} was not measured"
        is_ = f"{self.measure} is {amount(self.value, unit)}"
        if most is not None and self.value > most:
            return f"{is_}, above the bound of {amount(most, unit)}"
        if least is not None and self.value < least:
            return f"{is_}, below the bound of {amount(least, unit)}"
        return f"{is_}, within {self.limits}"

    @property
    def shown(self) -> str:
        """The number with its unit."""
        return "" if self.value is None else amount(self.value, unit_of(self.measure))

    def as_json(self) -> dict[str, float | str | bool | None]:
        """As plain data."""
        most, least = self.bound.most, self.bound.least
        bound = {"measure": self.measure, "value": self.value, "most": most, "least": least}
        return {**bound, "alert": self.bound.alert, "broken": self.broken}

    @property
    def limits(self) -> str:
        """`≤ 10,000 ms`."""
        unit, most, least = unit_of(self.measure), self.bound.most, self.bound.least
        parts = [f"≥ {amount(least, unit)}"] if least is not None else []
        parts += [f"≤ {amount(most, unit)}"] if most is not None else []
        return ", ".join(parts)


def read_bounds(path: str) -> Bounds:
    """The bounds of a YAML file, or with `default` those that are shipped.

    Raises `ValueError` with one sentence for a file that is none, and `OSError`.
    """
    name = Path(path).name
    text = shipped() if path == DEFAULT else Path(path).read_text(encoding="utf-8")
    try:
        return Bounds.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise ValueError(f"{name} is not YAML: {said[:200]}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{name}: {where}: {message}.") from None


def shipped() -> str:
    """The text of the bounds that are shipped."""
    return (files("adjudicate.report") / "thresholds.yml").read_text(encoding="utf-8")


def check(report: Report, bounds: Sequence[Bound]) -> list[Checked]:
    """Every number that a bound is on, in the order of the bounds."""
    return list(_checked(report, bounds))


def _checked(report: Report, bounds: Sequence[Bound]) -> Iterator[Checked]:
    measured = measures_of(report)
    for bound in bounds:
        found = [name for name in measured if fnmatchcase(name, bound.measure)]
        if not found:
            yield Checked(bound.measure, None, bound)
        for name in found:
            yield Checked(name, measured[name], bound)
