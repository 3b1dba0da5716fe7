"""The release after this one, made of its source: a step of the database, with a column and a word
in each row more, and a field more."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from executors.shared.migrations import HEAD

ROOT = Path(__file__).resolve().parents[2]
MARK = "next"
"""What its ledger writes into the column that this release does not know."""

EDITS = {
    "executors/ledger/store.py": (
        (
            '    Column("versions", Text, nullable=False),\n',
            '    Column("versions", Text, nullable=False),\n'
            '    Column("made_by", Text, nullable=False, server_default=""),\n',
        ),
        (
            '        "versions": json.dumps(decision.versions, sort_keys=True),\n',
            '        "versions": json.dumps(decision.versions, sort_keys=True),\n'
            f'        "made_by": "{MARK}",\n',
        ),
    ),
    "executors/shared/migrations/__init__.py": (
        (f'HEAD = "{HEAD}"\n', f'HEAD = "{int(HEAD) + 1:04d}"\n'),
    ),
    "executors/ledger/recorder.py": (
        ("            versions=case.versions,\n", "            versions=case.versions,\n"
         "            weighed=case.weighed,\n"),
    ),
}  # fmt: skip
REVISION = f"{int(HEAD) + 1:04d}"
TITLE = "Who made a decision"
STEP = f'''"""{TITLE}."""

import sqlalchemy as sa
from alembic import op

revision = "{REVISION}"
down_revision = "{HEAD}"


def upgrade():
    op.add_column("decisions", sa.Column("made_by", sa.Text, nullable=False, server_default=""))
'''
FIELDS = ("Case", "Decision")
"""Documents that have the new field `weighed`."""


def make_next_release(folder: Path) -> Path:
    """Its tree: the code is a copy with the changes, models and samples are this release's."""
    for part in ("executors", "client"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    (folder / "adjudicate").symlink_to(folder / "client" / "adjudicate")
    for part in ("models", "policies", "samples"):
        (folder / part).symlink_to(ROOT / part)
    shutil.copy(ROOT / "flow.yml", folder)
    for name, edits in EDITS.items():
        for old, new in edits:
            _replace(folder / name, old, new)
    steps = folder / "executors" / "shared" / "migrations" / "versions"
    (steps / f"r{REVISION}_made_by.py").write_text(STEP, encoding="utf-8")
    for name in FIELDS:
        _add_field(folder / "client" / "adjudicate", name)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """What a process of that tree runs with: its code goes before what is installed."""
    rooms = ("gateway", "encoder", "library", "judge", "ledger")
    uses = {f"ADJUDICATE_{r.upper()}_USES": f"{folder}/executors/{r}/config.yml" for r in rooms}
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", **uses}


def _add_field(package: Path, name: str) -> None:
    head = f"class {name}("
    (path,) = (p for p in package.rglob("*.py") if f"\n{head}" in p.read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    start = text.index(f"\n{head}")
    at = text.index("    versions: dict[str, str]", start)
    added = f'    weighed: str = "{MARK}"\n'
    path.write_text(text[:at] + added + text[at:], encoding="utf-8")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{path} has changed: what the next release edits stands there not once")
    path.write_text(text.replace(old, new), encoding="utf-8")
