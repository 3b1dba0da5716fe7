"""Which model the settings mean, and that its files are what they should be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudicate.errors import ConfigurationError
from executors.judge.models_file import ModelEntry, read_models
from executors.judge.weights import READ, differences, refuse_code
from executors.shared.settings import JudgeSettings

_MOST_SAID = 5


@dataclass(frozen=True)
class Resolved:
    """A model that the settings name, and the settings with what its entry says."""

    name: str
    """Of models.yml; else the folder's, the hub's or the server's."""
    settings: JudgeSettings
    """`model` is a folder, or a name of the hub or of the server."""
    entry: ModelEntry | None = None


def entries(settings: JudgeSettings) -> dict[str, ModelEntry]:
    """Return the models that can be named; none where there is no file and none was asked for.

    Raises `ConfigurationError` as `read_models`.
    """
    if not settings.models.exists() and "models" not in settings.model_fields_set:
        return {}
    return read_models(settings.models)


def resolve(settings: JudgeSettings) -> Resolved:
    """Return what `settings.model` means: a name of models.yml, a folder, or a name elsewhere.

    A folder, or a name of the hub, that is the source of an entry is that entry. What a setting
    says explicitly goes before what the entry says. Raises `ConfigurationError`.
    """
    known = entries(settings)
    wanted = settings.model
    for name, entry in known.items():
        if wanted == name or _is_source(entry, settings):
            return Resolved(name, _with_entry(settings, name, entry), entry)
    folder = Path(wanted).expanduser()
    if settings.backend == "openai":
        return Resolved(wanted, settings)
    if folder.is_dir():
        return Resolved(folder.resolve().name, settings.model_copy(update={"model": str(folder)}))
    if "/" not in wanted or wanted.startswith((".", "/", "~")):
        said = f"ADJUDICATE_JUDGE__MODEL: {wanted!r} is no model of {settings.models}, no folder"
        raise ConfigurationError(no_such(f"{said} and no name of the hub", wanted, known))
    return Resolved(wanted, settings)


def prepare(resolved: Resolved) -> Resolved:
    """Return the same with the model as a folder whose files were checked.

    A model of the hub is downloaded where it is not there yet, without any file that is not read.
    With recorded checksums every file must have its own, and no other may be there. A model behind
    a server is that server's own affair. Raises `ConfigurationError` with one sentence.
    """
    settings, entry = resolved.settings, resolved.entry
    if settings.backend == "openai":
        return resolved
    folder = Path(settings.model)
    if not folder.is_dir():
        folder = _downloaded(settings.model, entry.revision if entry else "")
    refuse_code(folder)
    if entry and (wrong := differences(folder, entry.files) if entry.files else []):
        more = f" and {len(wrong) - _MOST_SAID} more" if len(wrong) > _MOST_SAID else ""
        raise ConfigurationError(
            f"The files of model {resolved.name} are not those of {settings.models}: "
            f"{', '.join(wrong[:_MOST_SAID])}{more}; if they should be as they are, run "
            f"`adjudicate models lock {resolved.name}`."
        )
    found = settings.model_copy(update={"model": str(folder)})
    return Resolved(resolved.name, found, entry)


def present(name: str, settings: JudgeSettings) -> Path | None:
    """Return the folder of an entry of models.yml, without a download; None if it is not here."""
    entry = entries(settings)[name]
    if entry.local:
        folder = entry.folder(settings.models)
        return folder if folder.is_dir() else None
    try:
        return _downloaded(entry.source, entry.revision, local_only=True)
    except ConfigurationError:
        return None


def no_such(said: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence with the name that was probably meant, or with all that there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"{said}; " + (
        f"did you mean {near[0]}?" if near else f"known are {', '.join(names) or 'none'}."
    )


def _is_source(entry: ModelEntry, settings: JudgeSettings) -> bool:
    if not entry.local:
        return settings.model == entry.source
    folder = Path(settings.model).expanduser()
    return folder.is_dir() and folder.resolve() == entry.folder(settings.models)


def _with_entry(settings: JudgeSettings, name: str, entry: ModelEntry) -> JudgeSettings:
    source = str(entry.folder(settings.models)) if entry.local else entry.source
    if entry.local and settings.backend != "openai" and not Path(source).is_dir():
        raise ConfigurationError(f"{settings.models}, {name}.source: there is no folder {source}.")
    said: dict[str, Any] = {
        "precision": entry.dtype,
        **entry.model_dump(include={"quantization", "prompt", "temperature"}),
        **entry.limits.model_dump(),
    }
    filled = {
        name: value
        for name, value in said.items()
        if name not in settings.model_fields_set and value is not None
    }
    return settings.model_copy(update={**filled, "model": source})


def _downloaded(source: str, revision: str, *, local_only: bool = False) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                source,
                revision=revision or None,
                allow_patterns=[f"*{suffix}" for suffix in READ],
                local_files_only=local_only,
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigurationError(
            f"The judge's model {source!r} cannot be loaded ({reason.rstrip('.')}): set "
            "ADJUDICATE_JUDGE__MODEL to a folder with a Qwen2-VL, or to its name on the hub."
        ) from None
