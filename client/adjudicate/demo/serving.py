"""`adjudicate demo --serve`: the reviewers' console on what the last demo decided."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from adjudicate.demo.flow import UP, RunningFlow
from adjudicate.demo.kept import Kept
from adjudicate.errors import ConfigurationError


def serve(
    out: Path,
    flow: Path | None = None,
    command: Sequence[str] = UP,
    console: Console | None = None,
) -> int:
    """Start the service on the database and pictures in `out`, until Ctrl-C or SIGTERM.

    Nobody is asked for a key: it listens on this machine alone. What is decided is kept, and the
    next demo begins anew. Raises `ConfigurationError` when no demo was run, `ServiceError` when
    the service does not start or ends by itself.
    """
    kept, console = Kept(out), console or Console()
    if not kept.database.is_file():
        raise ConfigurationError(f"There is no {kept.database.name} in {out}: run the demo first.")
    running = RunningFlow(out, flow, console, command, keep=True)
    with _until_stopped(), running:
        console.print(
            f"The console is at {running.urls['http']}/console, the API beside it. "
            "No key is needed: nobody but this machine gets in. Ctrl-C stops it.",
            highlight=False,
        )
        running.wait()
    for sentence in running.left_behind:
        console.print(sentence, style="bold red", highlight=False)
    return 1 if running.left_behind else 0


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Ctrl-C, and SIGTERM as if it were, end what is inside, and only that."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
