"""`adjudicate demo`: a service of its own, the sample ads over three protocols, a report."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from pathlib import Path

from rich.console import Console

from adjudicate.errors import ConfigurationError

NEEDS = ("torch", "jinja2", "executors")
OUT = Path("out")
"""Where its results go unless it is told otherwise."""


def demo(samples: Path, out: Path, flow: Path | None = None) -> int:
    """Run the demo; 0 when every expectation held, else 1.

    Writes `out/demo.json` and `out/report.html`. Raises `ConfigurationError` in one sentence when
    something it needs is not there, and `AdjudicateError` when the service fails.
    """
    _check_installed()
    for needed in ("manifest.csv", "exemplars/exemplars.csv"):
        if not (samples / needed).is_file():
            raise ConfigurationError(f"There is no {samples / needed}; name the folder: --samples.")
    # Only now: this is the client, which takes seconds to import.
    from adjudicate.demo.flow import RunningFlow
    from adjudicate.demo.output import write
    from adjudicate.demo.session import review_samples

    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with RunningFlow(out, flow, console) as running:
        session = asyncio.run(review_samples(running.urls, samples, console))
    session.broken += running.left_behind
    write(session, out, console)
    console.print(f"{time.perf_counter() - started:.0f} s in all")
    say = f"The reviewers' console on these decisions: {console_command(out)}"
    console.print(say, style="bold", highlight=False, soft_wrap=True)
    return 1 if session.broken else 0


def serve(out: Path, flow: Path | None = None) -> int:
    """The console on what a demo has left in `out`, until it is stopped; see `demo.serving`."""
    _check_installed()
    from adjudicate.demo.serving import serve as until_stopped

    return until_stopped(out, flow)


def console_command(out: Path) -> str:
    """What to type for the console on the data in `out`."""
    command = "adjudicate demo --serve"
    return f"make console, or {command}" if out == OUT else f"{command} --out {out}"


def _check_installed() -> None:
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"{missing[0]} is not installed; the demo needs `pip install '.[serve]'`."
        )
