"""What a model folder says about how it wants to be asked: `judge_config.json`, optional."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adjudicate.errors import ConfigurationError
from executors.shared.settings import JudgeSettings

FILE = "judge_config.json"


class PictureSize(BaseModel):
    """Bounds of a picture's area in pixels, in the image processor's own words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shortest_edge: int = Field(gt=0)
    longest_edge: int = Field(gt=0)


class ModelConfig(BaseModel):
    """The defaults are for a general instruct model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: Literal["full", "compact"] = "full"
    temperature: float = Field(1.0, gt=0)
    """The verdict's logit is divided by it, so that probabilities are calibrated."""
    size: PictureSize | None = None
    square: bool = False
    """Pad pictures to a square: the model has seen no others."""
    max_aspect: float = Field(100.0, ge=1)
    """Longer to shorter side of a picture that the model reads reliably; beyond, as `max_copy`."""
    max_new_tokens: int = Field(256, gt=0)
    max_copy: int = Field(10_000, gt=0)
    """Characters of copy that the model reads reliably; a longer ad goes to a person."""

    def overridden(self, settings: JudgeSettings) -> ModelConfig:
        """Return the same with what the settings say instead."""
        said = settings.model_dump(include={"temperature", "max_new_tokens"}, exclude_none=True)
        return self.model_copy(update=said)


def read_model_config(folder: Path) -> ModelConfig:
    """Return the folder's settings, or the defaults where there are none.

    Raises `ConfigurationError` that names the file and the field.
    """
    path = folder / FILE
    if not path.is_file():
        return ModelConfig()
    try:
        return ModelConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{FILE} of the judge's model cannot be read: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(f"{FILE} of the judge's model, {field}: {first['msg']}.") from None
