"""`models.yml`: the models that the judge may be, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from adjudicate.errors import ConfigurationError
from executors.shared.settings import Precision

NAME = r"^[a-z0-9][a-z0-9._-]*$"
"""No slash: a name of the file is never taken for a folder, or for a model of the hub."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Part):
    """What one ad, or one pass, may cost. A setting of the same name goes before."""

    max_pixels: int | None = Field(None, gt=0)
    """A picture is scaled down to this before the judge sees it."""
    max_batch: int | None = Field(None, ge=1)
    """Ads in one pass."""
    max_new_tokens: int | None = Field(None, ge=1)
    """Of a written answer."""


class ModelEntry(_Part):
    """One model: where it comes from, what its files must be, and how it is loaded and asked."""

    source: Annotated[str, StringConstraints(min_length=1)]
    """A folder, relative to the file, where it begins with `.`, `/` or `~`; else a hub name, or,
    for a judge behind a server, the server's name of it."""
    revision: str = ""
    """Of the hub; a commit's hash can't move."""
    note: str = ""
    dtype: Precision = "auto"
    quantization: Literal["none", "int8", "int4"] = "none"
    prompt: Literal["auto", "full", "compact"] = "auto"
    temperature: float | None = Field(None, gt=0)
    """Instead of that of the model's `judge_config.json`."""
    limits: Limits = Limits()
    files: dict[str, Sha256] = Field(default_factory=dict)
    """SHA-256 by file name. Where there are any, no other file may be read."""

    @property
    def local(self) -> bool:
        """Whether the source is a folder."""
        return self.source.startswith((".", "/", "~"))

    def folder(self, file: Path) -> Path:
        """Return the source as a folder, relative to the `file` that names it."""
        return (file.parent / Path(self.source).expanduser()).resolve()


class _File(_Part):
    models: dict[Annotated[str, StringConstraints(pattern=NAME)], ModelEntry]


def read_models(file: Path) -> dict[str, ModelEntry]:
    """Return the entries by name, in the order of the file.

    Raises `ConfigurationError` that names the file, the entry and the field.
    """
    try:
        text = file.read_text(encoding="utf-8")
        twice = _twice(yaml.compose(text, yaml.SafeLoader))
        data = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {_reason(error)}.") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        what = getattr(error, "problem", None) or "not YAML"
        raise ConfigurationError(f"{file}{line}: {what}.") from None
    if twice:
        raise ConfigurationError(f"{file}: {twice} stands twice.")
    try:
        return _File.model_validate(data).models
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "[key]") or "the file"
        raise ConfigurationError(f"{file}, {where}: {first['msg']}.") from None


def with_field(text: str, name: str, field: str, value: object) -> str:
    """Return the text of a models.yml with one field of one entry set, all else left as it is.

    Raises `KeyError` for an entry that is not there, `ValueError` for one in braces on one line.
    """
    entry = _value(_value(yaml.compose(text, yaml.SafeLoader), "models"), name)
    if entry.flow_style:
        raise ValueError(f"{name} stands in braces")
    indent = entry.value[0][0].start_mark.column
    written = yaml.safe_dump({field: value}, sort_keys=False, allow_unicode=True)
    lines = [" " * indent + line for line in written.splitlines()]
    old = text.splitlines()
    for key, held in entry.value:
        if key.value == field:
            start, end = key.start_mark.line, _last_line(held) + 1
            return "\n".join([*old[:start], *lines, *old[end:]]) + "\n"
    after = _last_line(entry.value[-1][1]) + 1
    return "\n".join([*old[:after], *lines, *old[after:]]) + "\n"


def _value(node: Any, key: str) -> Any:
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == key:
            return value
    raise KeyError(key)


def _last_line(node: Any) -> int:
    """The line on which a value ends; a block's own end mark stands at what follows it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    end = int(node.end_mark.line)
    return end - 1 if node.end_mark.column == 0 and end > node.start_mark.line else end


def _twice(node: Any, where: str = "") -> str:
    """The first key that stands twice in its mapping, with its place; empty when there is none."""
    if not isinstance(node, yaml.MappingNode):
        return ""
    seen: set[str] = set()
    for key, value in node.value:
        name = f"{where}{key.value}"
        if name in seen:
            return name
        seen.add(name)
        if found := _twice(value, f"{name}."):
            return found
    return ""


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
