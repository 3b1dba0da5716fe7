"""What a shell completes with TAB, asked as bash asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adjudicate.cli import completion

ADJUDICATE = str(Path(sys.executable).parent / "adjudicate")


def completed(words: str, **variables: str) -> list[str]:
    """The words that bash offers behind `adjudicate …`."""
    environment = {
        **os.environ,
        "_ADJUDICATE_COMPLETE": "complete_bash",
        "COMP_WORDS": f"adjudicate {words}",
        "COMP_CWORD": str(len(f"adjudicate {words}x".split()) - 1),
        **variables,
    }
    done = subprocess.run([ADJUDICATE], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pol", ["policy"]),
        ("review --market ", ["CN", "US", "EU"]),
        ("review --fail-on r", ["reject"]),
        ("policy show CN-AL-1", ["CN-AL-15", "CN-AL-16", "CN-AL-17", "CN-AL-18", "CN-AL-19"]),
    ],
)
def test_commands_and_values_are_completed(words: str, offered: list[str]) -> None:
    assert completed(words) == offered


def test_values_follow_the_settings_here_and_nothing_is_said_when_they_are_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "shipped" in completion.models("")
    assert completion.models("sh") == ["shipped"]
    assert "cure" in completion.categories("c")
    monkeypatch.setenv("ADJUDICATE_POLICIES", "gone")
    assert completion.rules("") == []
    assert completion.categories("") == []


def test_the_script_for_a_shell_is_printed() -> None:
    # What finds the shell looks at the parent process, which here is no shell.
    done = subprocess.run(
        [ADJUDICATE],
        env={**os.environ, "_ADJUDICATE_COMPLETE": "source_zsh"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "#compdef adjudicate" in done.stdout
