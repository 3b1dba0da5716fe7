"""`adjudicate demo`: a service of its own, the sample ads over three protocols, a report."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from pathlib import Path

from rich.console import Console

from adjudicate.errors import ConfigurationError

NEEDS = ("torch", "jinja2", "executors")


def demo(samples: Path, out: Path, flow: Path | None = None) -> int:
    """Run the demo; 0 when every expectation held, else 1.

    Writes `out/demo.json` and `out/report.html`. Raises `ConfigurationError` in one sentence when
    something it needs is not there, and `AdjudicateError` when the service fails.
    """
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"{missing[0]} is not installed; the demo needs `pip install '.[serve]'`."
        )
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
    return 1 if session.broken else 0
