"""The console that commands print tables to."""

from __future__ import annotations

from rich.console import Console as RichConsole


class Console(RichConsole):
    """As rich's, but a reader that has enough (`| head`) is no error of the command's."""

    def on_broken_pipe(self) -> None:
        """Let it be seen by whoever says what the exit status is."""
        raise BrokenPipeError
