"""The exported Flow without models, as `benchmarks._noop_flow` has it under a supervisor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks._exported import ExportedFlow

_NOOP = {"encoder": "NoopEncoder", "judge": "NoopJudge"}


def without_models(
    folder: Path, settings: Mapping[str, str] | None = None, **options: object
) -> ExportedFlow:
    """`options` as for `ExportedFlow`. Its library is empty, so that every ad is approved."""
    uses: dict[str, Path] = {}
    for room, kind in _NOOP.items():
        uses[room] = folder / f"{room}.yml"
        uses[room].write_text(f"jtype: {kind}\npy_modules: benchmarks._noop_{room}\n")
    own = {"ADJUDICATE_LIBRARY__AUDIT_SHARE": "0", **(settings or {})}
    return ExportedFlow(folder, own, uses=uses, **options)  # type: ignore[arg-type]
