"""The names that the AWS provider knows: arguments and attributes of what terraform/eks uses.

They are read from npm's `@cdktf/provider-aws`, which is generated from the provider's own schema,
since that schema is in no registry that a test can rely on. The result is kept in provider.json:

    python -m tests.terraform.provider_schema
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.terraform.hcl import read

PACKAGE = "@cdktf/provider-aws@21.22.1"
KEPT = Path(__file__).with_name("provider.json")
_FUNCTION = re.compile(r"^function (\w+)ToTerraform\(struct\) \{(.*?)^\}", re.S | re.M)
_MADE = re.compile(r" synthesizeAttributes\(\) \{\s+return \{(.*?)^        \};", re.S | re.M)
Shape = dict[str, Any]
"""Argument → None, or the shape of the block of that name."""


def build(types: set[str]) -> dict[str, Any]:
    """Fetch the package and read what it says of these resources (`data.` before data sources)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            ["npm", "pack", PACKAGE, "--silent", "--ignore-scripts"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
        library = folder / "package" / "lib"
        declared = (library / "eks-cluster" / "index.d.ts").read_text()
        version = re.search(r"hashicorp/aws/([0-9.]+)/", declared)
        assert version is not None
        return {
            "package": PACKAGE,
            "provider": version[1],
            "types": {type_: _read(library, type_) for type_ in sorted(types)},
        }


def used_types() -> set[str]:
    """The AWS resources and data sources of terraform/eks."""
    return {
        ("data." if block.kind == "data" else "") + block.type
        for block in read().blocks()
        if block.type.startswith("aws_")
    }


def _read(library: Path, type_: str) -> dict[str, Any]:
    name = type_.replace("data.", "data-") if type_.startswith("data.") else type_[len("aws_") :]
    source = (library / name.replace("_", "-") / "index.js").read_text()
    blocks = {}
    for found in _FUNCTION.finditer(source):
        returned = found[2][found[2].rfind("return {") :]
        blocks[found[1]] = _pairs(returned, 8)
    made = _MADE.search(source)
    assert made is not None, f"{type_} is not in {PACKAGE}"
    arguments = {key: _shape(made_by, blocks) for key, made_by in _pairs(made[1], 12).items()}
    attributes = set(re.findall(r"get\w*Attribute\('(\w+)'\)", source))
    lists = set(re.findall(r"new \w+List\(this, [\"'](\w+)[\"']", source))
    return {"arguments": arguments, "attributes": sorted(attributes | lists | set(arguments))}


def _pairs(text: str, indent: int) -> dict[str, str]:
    return dict(re.findall(rf"^\s{{{indent}}}(\w+): (.*?),$", text, re.M))


def _shape(made_by: str, blocks: dict[str, dict[str, str]]) -> Shape | None:
    for name in re.findall(r"(\w+)ToTerraform\b", made_by):
        if name in blocks:
            return {key: _shape(inner, blocks) for key, inner in blocks[name].items()}
    return None


if __name__ == "__main__":
    KEPT.write_text(json.dumps(build(used_types()), indent=1, sort_keys=True) + "\n")
    print(f"{KEPT.name} written", file=sys.stderr)
