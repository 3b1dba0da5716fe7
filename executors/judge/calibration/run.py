"""`adjudicate judge calibrate`: from labelled ads to a temperature, with all that is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adjudicate.calibration.labelled import labelled_at
from adjudicate.errors import ConfigurationError
from executors.judge.calibration.fitting import Calibration, calibrated
from executors.judge.calibration.judging import judge_labelled, logits_of
from executors.judge.model_config import FILE, ModelConfig, read_model_config
from executors.judge.model_files import write
from executors.judge.models_file import with_field
from executors.judge.open_backend import open_backend
from executors.judge.registry import Resolved, prepare, resolve
from executors.shared.policy import load_policy
from executors.shared.settings import Settings


@dataclass(frozen=True)
class Run:
    """What a calibration found, and of which model."""

    resolved: Resolved
    version: str
    found: Calibration
    refused: list[str]


def run(
    labelled: Path,
    settings: Settings,
    *,
    held_out: float,
    confidence: float,
    seed: int,
    advance: Callable[[int], object],
) -> Run:
    """Judge the labelled ads with the model of the settings, and fit its temperature.

    Raises `ConfigurationError`, `ValueError` with one sentence for ads that cannot be calibrated
    on, and `FileNotFoundError`.
    """
    resolved = prepare(resolve(settings.judge))
    present = _present(resolved)
    policy = load_policy(settings.policies)
    backend = open_backend(resolved.settings)
    try:
        judged = judge_labelled(
            labelled_at(labelled),
            logits_of(backend, present),
            backend,
            policy,
            settings.images,
            advance,
        )
        version = backend.version
    finally:
        backend.close()
    found = calibrated(judged, present, share=held_out, confidence=confidence, seed=seed)
    return Run(resolved, version, found, judged.refused)


def write_temperature(resolved: Resolved, temperature: float) -> Path:
    """Put it where the model's next start reads it, and return that file.

    That is the entry of models.yml where the model has one: the model's own files stay as their
    checksums have them. Else the `judge_config.json` of its folder. Raises `ConfigurationError`.
    """
    value = round(temperature, 4)
    try:
        if resolved.entry is not None:
            file = resolved.settings.models
            text = file.read_text(encoding="utf-8")
            write(file, with_field(text, resolved.name, "temperature", value))
            return file
        if resolved.settings.backend == "openai":
            raise ConfigurationError(
                f"{resolved.name} has no entry in {resolved.settings.models}: make one, or set "
                f"ADJUDICATE_JUDGE__TEMPERATURE={value}."
            )
        file = Path(resolved.settings.model) / FILE
        data = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        write(file, json.dumps({**data, "temperature": value}, indent=2) + "\n")
        return file
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The temperature cannot be written: {error}.") from None


def _present(resolved: Resolved) -> float:
    folder = Path(resolved.settings.model)
    own = read_model_config(folder) if folder.is_dir() else ModelConfig()
    return own.overridden(resolved.settings).temperature
