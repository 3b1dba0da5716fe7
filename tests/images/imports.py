"""Which packages a module needs, with all modules of this project that it imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from executors.shared.settings import ROOT

_OURS = {"adjudicate": ROOT / "client", "executors": ROOT}


def needed(module: str) -> dict[str, str]:
    """Packages by the name they are installed under, each with a module that imports it.

    Imports inside of functions count, those for type checkers do not.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        file = _file(name)
        if name in seen or file is None:
            continue
        seen.add(name)
        for imported in _imports(file):
            top = imported.partition(".")[0]
            if top in _OURS:
                todo += [imported, imported.rpartition(".")[0]]
            elif top not in sys.stdlib_module_names:
                for package in _provides(top):
                    found.setdefault(package, name)
    return found


def _provides(top: str) -> list[str]:
    """A namespace of many packages, such as google or opentelemetry, is not told apart."""
    provided = {str(canonicalize_name(each)) for each in _packages().get(top, [top])}
    return sorted(provided) if len(provided) == 1 else []


@cache
def _packages() -> dict[str, list[str]]:
    return dict(packages_distributions())


def _file(module: str) -> Path | None:
    top = module.partition(".")[0]
    if top not in _OURS:
        return None
    path = _OURS[top].joinpath(*module.split("."))
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.exists():
            return candidate
    return None


@cache
def _imports(file: Path) -> tuple[str, ...]:
    return tuple(_read(file))


def _read(file: Path) -> Iterator[str]:
    todo: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        todo += ast.iter_child_nodes(node)
