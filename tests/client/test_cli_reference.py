"""docs/cli.md is what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path

from adjudicate.cli.reference import page
from tests.client.test_cli_tree import COMMANDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_the_page_is_the_commands() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m adjudicate.cli.reference > docs/cli.md"
    )


def test_every_command_is_on_the_page_with_its_examples() -> None:
    said = page()
    for name, command in COMMANDS.items():
        assert f" adjudicate {name}\n" in said
        assert (command.help or "").splitlines()[0] in said
