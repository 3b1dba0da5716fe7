"""The files of compose/, read without Docker Compose: its tags are passed over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from executors.shared.settings import ROOT

COMPOSE = ROOT / "compose"
MAIN = COMPOSE / "docker-compose.yml"
FLOW = COMPOSE / "docker-compose.flow.yml"
OBSERVABILITY = COMPOSE / "docker-compose.observability.yml"
GPU = COMPOSE / "docker-compose.gpu.yml"
ROOMS = ("gateway", "encoder", "library", "judge", "ledger")

_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::?-([^}]*))?\}")


class _Loader(yaml.SafeLoader):
    """Knows Compose's own tags, which say how files are merged."""


def _untagged(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _untagged)


def variables(path: Path) -> dict[str, str]:
    """Every variable of a file, with its default."""
    found = _VARIABLE.findall(path.read_text(encoding="utf-8"))
    return {name: default or "" for name, default in found}


def interpolated(path: Path, given: Mapping[str, str] | None = None) -> str:
    """A file's text, with variables as given or at their defaults."""
    chosen = given or {}
    text = path.read_text(encoding="utf-8")
    return _VARIABLE.sub(lambda found: chosen.get(found[1], found[2] or ""), text)


def read(path: Path, given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A file's content, likewise."""
    found: dict[str, Any] = _Loader(interpolated(path, given)).get_single_data()
    return found


def services(path: Path, given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The services of a file by name."""
    found: dict[str, Any] = read(path, given)["services"]
    return found


def edge_variables() -> dict[str, str]:
    """What docker-compose.yml puts into nginx' template."""
    environment = services(MAIN)["nginx"]["environment"]
    return {name: str(value) for name, value in environment.items()}
