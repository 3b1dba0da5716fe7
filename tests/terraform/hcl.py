"""terraform/eks as data: its blocks, and the names that its expressions use.

HCL is read by the parser that checkov brings, in the environment of the linters.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "terraform" / "eks"
TOOLS = ROOT / ".venv" / "tools" / "bin"
META = {"count", "for_each", "depends_on", "lifecycle", "provider", "provisioner", "dynamic"}
"""What Terraform itself allows in every resource."""

_READ = """
import hcl2, json, sys
print(json.dumps({path: hcl2.load(open(path)) for path in sys.argv[1:]}))
"""


@dataclass(frozen=True)
class Block:
    """A resource, data source or ephemeral resource."""

    kind: str
    type: str
    name: str
    body: dict[str, Any]

    @property
    def address(self) -> str:
        prefix = "" if self.kind == "resource" else f"{self.kind}."
        return f"{prefix}{self.type}.{self.name}"


@dataclass(frozen=True)
class Module:
    """All files of a folder."""

    files: dict[str, dict[str, Any]]

    def top(self, kind: str) -> list[dict[str, Any]]:
        """The blocks of a kind, `variable`, `locals`, `output`, of all files."""
        return [block for file in self.files.values() for block in file.get(kind, [])]

    def blocks(self) -> list[Block]:
        return [
            Block(kind, type_, name, body)
            for kind in ("resource", "data", "ephemeral")
            for block in self.top(kind)
            for type_, named in block.items()
            for name, body in named.items()
        ]

    def variables(self) -> dict[str, dict[str, Any]]:
        return {name: body for block in self.top("variable") for name, body in block.items()}

    def outputs(self) -> dict[str, dict[str, Any]]:
        return {name: body for block in self.top("output") for name, body in block.items()}

    def locals(self) -> dict[str, Any]:
        return {
            name: value
            for block in self.top("locals")
            for name, value in block.items()
            if not name.startswith("__")
        }

    def text(self) -> str:
        """Every expression of the module, one after another."""
        return "\n".join(_strings(self.files))


@functools.cache
def read(folder: Path = FOLDER) -> Module:
    """Parse a folder. Raises `CalledProcessError` where a file is no HCL."""
    paths = sorted(str(path) for path in folder.glob("*.tf"))
    done = subprocess.run(
        [TOOLS / "python", "-c", _READ, *paths], capture_output=True, text=True, check=True
    )
    return Module({Path(path).name: parsed for path, parsed in json.loads(done.stdout).items()})


def references(text: str, prefix: str) -> set[str]:
    """The names that follow `var.`, `local.` and so on."""
    return set(re.findall(rf"(?<![\w.]){prefix}\.(\w+)", text))


def arguments(body: dict[str, Any]) -> dict[str, Any]:
    """The arguments and blocks of a resource, its `dynamic` blocks under their own name."""
    own = {key: value for key, value in body.items() if not key.startswith("__")}
    for dynamic in own.pop("dynamic", []):
        for name, parts in dynamic.items():
            own[name] = list(parts["content"])
    return own


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value
