"""`adjudicate review` without --out: a row or a line for each decision when it comes."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from adjudicate.bulk.done import Done
from adjudicate.bulk.rows import READERS, read_ahead
from adjudicate.bulk.sources import open_source
from adjudicate.cli import show
from adjudicate.cli.console import Console
from adjudicate.cli.exits import Exit
from adjudicate.client import AsyncClient
from adjudicate.documents import Ad
from adjudicate.pipeline import Ads
from adjudicate.sources import ads_at, stdin_ads

_TABLES = (".parquet", ".pq")


def ads_of(what: str | None, fields: dict[str, str]) -> Iterator[Ad]:
    """The ads that the command line names. Raises `ValueError` when it names none."""
    if what == "-":
        yield from stdin_ads(sys.stdin.buffer, fields)
    elif what is not None and ("://" in what or Path(what).suffix.lower() in _TABLES):
        source = open_source(what, fields)
        for _, ad in read_ahead(source.rows(Done()), READERS if source.distant else 1):
            yield ad
    elif what is not None:
        yield from ads_at(Path(what), fields)
    elif "text" in fields:
        yield Ad.parse({"id": "text", **fields})
    else:
        raise ValueError("Nothing to review: name a file, a folder or a manifest, or give --text.")


async def review(client: AsyncClient, ads: Ads, *, as_json: bool, fail_on: set[str]) -> Exit:
    """Print each decision when it comes; the exit status that the outcomes call for."""
    counts: Counter[str] = Counter()
    out = Console()
    started = time.perf_counter()
    with progress(out, hidden=as_json and out.is_terminal) as (screen, moved):
        table = show.DecisionTable(screen or out)
        async for decision in client.review(ads):
            counts[decision.outcome] += 1
            if as_json:
                print(decision.model_dump_json(), flush=True)
            else:
                table.add(decision)
            moved(counts)
    if not counts:
        raise ValueError("Nothing to review: no ads there.")
    if not as_json:
        out.print(show.summary(dict(counts), time.perf_counter() - started))
    if counts["error"]:
        return Exit.AD_ERROR
    return Exit.FAIL_ON if fail_on & set(counts) else Exit.OK


class _Moved:
    """Tells the progress line what has come."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("reviewing", total=None)

    def __call__(self, counts: Counter[str]) -> None:
        said = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        self._bar.update(self._task, description=f"{counts.total()} ads: {said}")


@contextmanager
def progress(out: Console, *, hidden: bool) -> Iterator[tuple[Console | None, _Moved]]:
    """A line of progress on a terminal, on stderr.

    When stdout is the same terminal, one console must own the screen: it is yielded, and rows go
    through it.
    """
    err = Console(stderr=True)
    shared = out.is_terminal and err.is_terminal and not hidden
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=out if shared else err,
        disable=hidden or not err.is_terminal,
        transient=True,
    )
    with bar:
        yield (out if shared else None), _Moved(bar)
