"""What docs/operations.md tells to type exists: commands, options, overlays, alerts, settings."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from executors.shared.settings import Settings
from tests.client.test_cli_tree import COMMANDS, NODES, parse

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))


def commands() -> list[str]:
    """Every `adjudicate …` of the page's blocks."""
    text = SHELL.replace("\\\n", " ")
    found = re.findall(r"(?:^|(?<!-n) )(adjudicate [a-z][^|&<>#;'\n]+)", text, re.MULTILINE)
    # kubectl has a namespace of this name.
    return [line.strip() for line in found]


def test_there_are_commands() -> None:
    assert len(commands()) > 20


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_every_command_is_one(line: str) -> None:
    parse(shlex.split(re.sub(r"\$\(.*?\)", "x", line))[1:])


def test_every_command_that_the_text_names_is_one() -> None:
    for words in re.findall(r"`adjudicate ([a-z][^`…]*)`", PAGE):
        first, *more = words.split()
        assert first in NODES
        if f"{first} {''.join(more[:1])}" not in NODES:
            assert first in COMMANDS, words


def test_every_overlay_and_file_is_there() -> None:
    for path in re.findall(r"(?:-k |--file |--patch-file )(\S+)", SHELL):
        assert (ROOT / path.rstrip("'")).exists(), path
    for path in re.findall(r"`(tests/[\w/.]+)`", PAGE):
        assert (ROOT / path).exists(), path


def test_every_alert_is_a_rule() -> None:
    rules = yaml.safe_load((ROOT / "grafana" / "rules" / "alerts.yml").read_text(encoding="utf-8"))
    known = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    named = set(re.findall(r"\bAdjudicate[A-Z]\w+", PAGE))
    assert named
    assert named <= known


def test_every_setting_is_one() -> None:
    known = set()
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        known |= {f"{name}__{inside}".upper() for inside in inner} | {name.upper()}
    named = set(re.findall(r"\bADJUDICATE_(\w+)", PAGE)) - {"URL", "API_KEY", "CA"}
    assert named <= known
