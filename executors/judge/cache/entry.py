"""An opinion as it is kept: versioned JSON, and nothing of it believed when it is read back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from executors.judge.backend import Opinion

_Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    entry: Literal[1] = 1
    """Changes with the fields: an entry of another version is not read."""
    violation: _Probability
    instruction: _Probability
    written: str | None
    notes: tuple[str, ...]


def dump(opinion: Opinion) -> bytes:
    """Return the opinion as UTF-8 JSON. Raises `ValueError` when its probabilities are none."""
    entry = _Entry(
        violation=opinion.violation,
        instruction=opinion.instruction,
        written=opinion.written,
        notes=opinion.notes,
    )
    return entry.model_dump_json().encode()


def load(data: bytes) -> Opinion | None:
    """Return what `dump` was given; None for anything that it has not written."""
    try:
        entry = _Entry.model_validate_json(data, strict=True)
    except ValidationError:
        return None
    return Opinion(entry.violation, entry.instruction, entry.written, entry.notes)
