"""The figures that a plan is made from: each with its unit, how it is known, and its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Kind = Literal["measured", "published", "assumed", "given"]
"""`given`: by whoever asks for the plan."""


class Figure(BaseModel):
    """One number and where it is from."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float = Field(ge=0)
    unit: str
    kind: Kind
    means: str
    source: str


class _Given(BaseModel):
    """A number of a user's file, with or without its source."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float = Field(ge=0)
    source: str = ""


_DIVISORS = ("vcpu", "cores", "memory_gib", "gpus", "zones", "utilisation", "node_share")
"""What a plan divides by, of whichever room or node."""
_COUNTED = ("replicas", "nodes", "GPUs", "zones")


class Figures(Mapping[str, float]):
    """The numbers by name; `of` has all that is known of one."""

    def __init__(self, figures: Mapping[str, Figure]) -> None:
        """Raises `ValueError` for a number that no plan can be made with."""
        self._figures = dict(figures)
        for name, figure in self._figures.items():
            if name.rpartition(".")[2] in _DIVISORS and figure.value == 0:
                raise ValueError(f"{name} must be above 0.")
            if figure.unit == "share" and figure.value > 1:
                raise ValueError(f"{name} is a share, 0 to 1, not {figure.value:g}.")
            if figure.unit in _COUNTED and figure.value != int(figure.value):
                raise ValueError(f"{name} is a whole number, not {figure.value:g}.")

    def __getitem__(self, name: str) -> float:
        return self._figures[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def of(self, name: str) -> Figure:
        """The figure of this name."""
        return self._figures[name]

    def replaced(self, given: Mapping[str, tuple[float, str]]) -> Figures:
        """With these numbers and sources in the place of their own.

        Raises `ValueError` for a name that is not known.
        """
        figures = dict(self._figures)
        for name, (value, source) in given.items():
            if name not in figures:
                raise ValueError(f"{name} is no figure; `adjudicate capacity --figures` lists all.")
            change = {"value": value, "kind": "given", "source": source}
            figures[name] = figures[name].model_copy(update=change)
        return Figures(figures)


@cache
def shipped() -> Figures:
    """Those of costs.yml, beside this module."""
    text = files("adjudicate.capacity").joinpath("costs.yml").read_text(encoding="utf-8")
    sections = yaml.safe_load(text)
    return Figures(
        {
            f"{section}.{name}": Figure.model_validate(figure)
            for section, named in sections.items()
            for name, figure in named.items()
        }
    )


def figures_of(costs: Path | None = None, changes: Sequence[str] = ()) -> Figures:
    """The shipped ones, those of a file in their place, and `NAME=VALUE` in the place of both.

    Raises `ValueError` in one sentence, and `OSError`.
    """
    figures = shipped()
    if costs is not None:
        figures = figures.replaced(_of_file(costs))
    return figures.replaced(dict(map(_change, changes)))


def _of_file(path: Path) -> dict[str, tuple[float, str]]:
    try:
        named = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        said = str(error).replace("\n", " ")
        raise ValueError(f"{path} is not YAML: {said}.") from None
    if not isinstance(named, dict):
        raise ValueError(f"{path} must name figures, as in `encoder.gpu_ms: 2.1`.")
    given = {}
    for name, figure in named.items():
        whole = figure if isinstance(figure, dict) else {"value": figure}
        try:
            one = _Given.model_validate(whole)
        except ValidationError as error:
            said = error.errors()[0]["msg"]
            raise ValueError(f"{path}: {name}: {said}.") from None
        given[str(name)] = (one.value, one.source or path.name)
    return given


def _change(change: str) -> tuple[str, tuple[float, str]]:
    name, sign, number = change.partition("=")
    try:
        value = _Given.model_validate({"value": number}).value
    except ValidationError:
        sign = ""
    if not sign:
        raise ValueError(f"{change[:80]!r} is not NAME=VALUE with a number from 0 on.")
    return name.strip(), (value, "--set")
