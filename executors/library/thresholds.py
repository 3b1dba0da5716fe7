"""From which similarity on an exemplar of a category counts as a match."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adjudicate.errors import ConfigurationError

Signal = Literal["image", "text"]

DEFAULT = 0.8
"""Cosine, for a signal of which the file gives no default."""

_Cosine = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Defaults(_Part):
    image: _Cosine = DEFAULT
    text: _Cosine = DEFAULT


class _File(_Part):
    image: dict[str, _Cosine] = Field(default_factory=dict)
    text: dict[str, _Cosine] = Field(default_factory=dict)
    default: _Defaults = _Defaults()


@dataclass(frozen=True)
class Thresholds:
    """Cosine per signal and category, never above `ceiling`.

    The ceiling is the similarity of a near-duplicate: what is almost an exemplar always matches it,
    however high a category's own threshold was measured.
    """

    by_category: Mapping[str, Mapping[str, float]]
    defaults: Mapping[str, float]
    ceiling: float
    version: str
    """Hash of the values, for a decision's versions."""
    source: str

    def of(self, signal: Signal, category: str) -> float:
        """The threshold of a category; the signal's default for a category that is not known."""
        own = self.by_category[signal].get(category, self.defaults[signal])
        return min(own, self.ceiling)


def load_thresholds(path: Path, ceiling: float = 1.0) -> Thresholds:
    """The thresholds of a YAML file: `image`, `text` by category, and `default` by signal.

    Raises `ConfigurationError` that names the file and the value.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"The thresholds file {path} does not exist: "
            "set ADJUDICATE_LIBRARY__THRESHOLDS to one that does."
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        file = _File.model_validate(content if content is not None else {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(f"{path.name}, {where}: {first['msg']}.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(f"{path.name} cannot be read: {reason}.") from None
    return Thresholds(
        by_category={"image": file.image, "text": file.text},
        defaults={"image": file.default.image, "text": file.default.text},
        ceiling=ceiling,
        version=hashlib.sha256(f"{file.model_dump_json()}{ceiling}".encode()).hexdigest()[:12],
        source=path.name,
    )
