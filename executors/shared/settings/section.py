"""What all sections have alike: nothing unknown or changed, and lists as variables write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

ROOT = Path(__file__).resolve().parents[3]
"""The repository's root: where models/, policies/ and flow.yml stand."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def listed(value: Any) -> Any:
    """`a,b` as an environment variable writes it; a JSON list too."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


def paired(value: Any) -> Any:
    """`a=b,c=d` as an environment variable writes it; a JSON object too."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        return json.loads(value)
    pairs = (part.partition("=") for part in listed(value))
    return {name.strip(): paired.strip() for name, _, paired in pairs}


OptionalPath = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
