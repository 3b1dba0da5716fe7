"""`adjudicate models verify` and `lock`: the files of models.yml's models, where they are here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from adjudicate.errors import ConfigurationError
from executors.judge.models_file import ModelEntry, with_field
from executors.judge.registry import entries, no_such, present
from executors.judge.weights import checksums, differences, refuse_code
from executors.shared.settings import JudgeSettings, load_settings

COMMIT = 40
"""Digits of a commit's hash, the name of a hub model's snapshot folder."""


@dataclass(frozen=True)
class Checked:
    """What was found of one model's files."""

    name: str
    source: str
    here: bool
    files: int
    """That have a checksum."""
    wrong: str
    """What is wrong with them; empty where nothing is, or where they are not here."""


def checked(name: str = "", settings: JudgeSettings | None = None) -> list[Checked]:
    """Hold the files of one model, or of all of models.yml, against their checksums.

    Raises `ConfigurationError` for a name that is not there, or a file that cannot be read.
    """
    settings = settings or load_settings().judge
    known = entries(settings)
    _refuse_unknown(name, known, settings)
    return [
        _checked(each, entry, present(each, settings))
        for each, entry in known.items()
        if each == (name or each)
    ]


def lock(name: str, settings: JudgeSettings | None = None) -> int:
    """Record the checksums of a model's files in models.yml, and a hub model's commit.

    Returns how many files there are. Raises `ConfigurationError` where they are not here or could
    run code, or where the file cannot be changed.
    """
    settings = settings or load_settings().judge
    known = entries(settings)
    _refuse_unknown(name, known, settings)
    entry = known[name]
    folder = present(name, settings)
    if folder is None:
        raise ConfigurationError(f"{name} is not here: its source {entry.source} has to be first.")
    refuse_code(folder)
    files = checksums(folder)
    file = settings.models
    try:
        text = with_field(file.read_text(encoding="utf-8"), name, "files", files)
        if not entry.local and not entry.revision and len(folder.name) == COMMIT:
            text = with_field(text, name, "revision", folder.name)
        write(file, text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be changed: {error}.") from None
    return len(files)


def write(file: Path, text: str) -> None:
    """Put `text` in the place of the file, whole or not at all. Raises `OSError`."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        if file.exists():
            fresh.chmod(file.stat().st_mode & 0o777)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def _refuse_unknown(name: str, known: dict[str, ModelEntry], settings: JudgeSettings) -> None:
    if name and name not in known:
        said = f"{name!r} is no model of {settings.models}"
        raise ConfigurationError(no_such(said, name, known))


def _checked(name: str, entry: ModelEntry, folder: Path | None) -> Checked:
    wrong = ""
    if folder is not None:
        try:
            refuse_code(folder)
            found = differences(folder, entry.files) if entry.files else []
            wrong = ", ".join(found)
        except ConfigurationError as error:
            wrong = str(error)
    return Checked(name, entry.source, folder is not None, len(entry.files), wrong)
