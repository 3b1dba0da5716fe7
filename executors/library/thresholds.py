"""From which similarity on an exemplar of a category counts as a match."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from adjudicate.errors import ConfigurationError

Signal = Literal["image", "text", "image-text"]
"""Ad's picture to exemplar's picture; copy to text; ad's picture to exemplar's text."""

SIGNALS: tuple[Signal, ...] = ("image", "text", "image-text")

OFF = math.inf
"""The threshold that nothing reaches."""

DEFAULTS: Mapping[Signal, float] = {"image": 0.8, "text": 0.8, "image-text": OFF}
"""Cosine, for a signal of which nobody said a default. Between picture and text it lies low, and at
other heights for each encoder (0.2 to 0.35 for CLIPs of the hub): no value would be right."""

_SAME_MODALITY: tuple[Signal, ...] = ("image", "text")


def _off(value: Any) -> Any:
    # YAML 1.1 reads a plain `off` as False; where Jina is imported, as the word.
    return None if value is False or value == "off" else value


_Cosine = Annotated[
    Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, strict=True)] | None,
    BeforeValidator(_off),
]
"""None, or `off` in YAML: the signal is off for that category."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Defaults(_Part):
    image: _Cosine = DEFAULTS["image"]
    text: _Cosine = DEFAULTS["text"]
    image_text: _Cosine = Field(None, alias="image-text")


class _Content(_Part):
    encoder: str = ""
    image: dict[str, _Cosine] = Field(default_factory=dict)
    text: dict[str, _Cosine] = Field(default_factory=dict)
    image_text: dict[str, _Cosine] = Field(default_factory=dict, alias="image-text")
    default: _Defaults = _Defaults()


@dataclass(frozen=True)
class Thresholds:
    """Cosine per signal and category; `OFF` where a signal is not used.

    Between pictures, and between texts, never above `ceiling`, the similarity of a near-duplicate:
    what is almost an exemplar always matches it, however high a category's own threshold was
    measured. A picture is never almost a text, so `image-text` has no ceiling.
    """

    by_category: Mapping[str, Mapping[str, float]]
    defaults: Mapping[str, float]
    ceiling: float
    version: str
    """Hash of the values, for a decision's versions."""
    source: str
    encoder: str = ""
    """Version of the encoder that they were measured with; empty when nobody said."""

    def of(self, signal: Signal, category: str) -> float:
        """The threshold of a category; the signal's default for a category that is not known."""
        default = self.defaults.get(signal, DEFAULTS[signal])
        own = self.by_category.get(signal, {}).get(category, default)
        return min(own, self.ceiling) if signal in _SAME_MODALITY else own

    def shown(self, signal: Signal, category: str) -> float:
        """As `of`, for a document: 0 where the signal is off, since JSON has no infinity."""
        threshold = self.of(signal, category)
        return 0.0 if threshold == OFF else threshold

    def content(self) -> dict[str, dict[str, float | None]]:
        """The values as `parse_thresholds` takes them: by signal and category, and `default`."""
        parts: dict[str, dict[str, float]] = {
            signal: dict(self.by_category.get(signal, {})) for signal in SIGNALS
        }
        parts["default"] = {s: self.defaults.get(s, DEFAULTS[s]) for s in SIGNALS}
        return {
            name: {key: None if value == OFF else value for key, value in values.items()}
            for name, values in parts.items()
        }


def load_thresholds(path: Path, ceiling: float = 1.0) -> Thresholds:
    """The thresholds of a YAML file: `image`, `text`, `image-text` by category, `default` by
    signal, and `encoder`, the version of the encoder that they were measured with.

    Raises `ConfigurationError` that names the file and the value.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"The thresholds file {path} does not exist: "
            "set ADJUDICATE_LIBRARY__THRESHOLDS to one that does."
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(f"{path.name} cannot be read: {reason}.") from None
    try:
        return parse_thresholds(content if content is not None else {}, path.name, ceiling)
    except ValueError as error:
        raise ConfigurationError(f"{path.name}, {error}.") from None


def parse_thresholds(content: Any, source: str, ceiling: float = 1.0) -> Thresholds:
    """Thresholds from plain data of the file's form.

    Raises `ValueError` that names the wrong value: `image.cure: Input should be …`.
    """
    try:
        parsed = _Content.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ValueError(f"{where}: {first['msg']}") from None
    given = {"image": parsed.image, "text": parsed.text, "image-text": parsed.image_text}
    by_signal = parsed.default.model_dump(by_alias=True)
    return Thresholds(
        by_category={signal: _values(values) for signal, values in given.items()},
        defaults=_values(by_signal),
        ceiling=ceiling,
        version=_version(parsed),
        source=source,
        encoder=parsed.encoder,
    )


def _values(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: OFF if value is None else value for name, value in values.items()}


def _version(content: _Content) -> str:
    """Of the values alone, in whatever order they stand: so a decision's version can be looked up
    in the table, whatever the other settings were."""
    values = content.model_dump(by_alias=True)
    lines = [
        f"{name}/{key}={value!r}"
        for name, part in sorted(values.items())
        for key, value in (sorted(part.items()) if isinstance(part, dict) else [("", part)])
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
