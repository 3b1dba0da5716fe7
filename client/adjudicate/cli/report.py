"""`adjudicate report`: what the service did over a window of time."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, one_sentence, run

if TYPE_CHECKING:
    from adjudicate.report.checking import Bounds, Checked
    from adjudicate.report.model import Report


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


EXAMPLES = options.examples(
    "adjudicate report --window 15m",
    "adjudicate report --since 2026-03-01 --until 2026-03-02 --format html --output march-1.html",
    "adjudicate report --check default --json",
    then="With --check it exits with 1 when a bound is broken, and says which on stderr. The file "
    "of bounds is described in docs/report.md.",
)


@options.connected(timeout=60.0)
def report(
    window: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help="How long: 90s, 15m, 1h, 7d, up to 31d; 1h where neither it nor --since is "
            "given. The last one, the one after --since, or the one before --until.",
        ),
    ] = "",
    since: Annotated[
        str,
        typer.Option(metavar="TIME", help="ISO 8601, such as 2026-03-01T12:00; UTC by default."),
    ] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="As --since; now by default.")] = "",
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="By default as --output ends: .json, .html; else text. HTML is one page with "
            "plots and needs matplotlib (pip install 'adjudicate[report]').",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write it there instead of on stdout.")
    ] = None,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Hold it against the bounds of a YAML file, or of those that are shipped: "
            "'default'.",
        ),
    ] = None,
    as_json: options.Json = False,
    *,
    service: options.Service,
) -> None:
    """Times by stage, use of processes and GPUs, outcomes and codes over a window of time."""
    kind = Format.JSON if as_json else format_ or _by_ending(output)
    with one_sentence():
        bounds = _prepared(kind, window, since, until, output, check)

    async def work() -> Report:
        async with service.client() as client:
            return await client.report(window, since=since, until=until)

    found = run(work())
    checked = _checked(found, bounds)
    with one_sentence():
        _write(kind, found, checked, output)
    broken = [one for one in checked or () if one.broken]
    for one in broken:
        print(f"adjudicate: {one.said}{_see(one)}.", file=sys.stderr)
    if broken:
        raise typer.Exit(Exit.AD_ERROR)


def _by_ending(output: Path | None) -> Format:
    endings = {".json": Format.JSON, ".html": Format.HTML}
    return endings.get(output.suffix.lower() if output else "", Format.TEXT)


def _prepared(
    kind: Format, window: str, since: str, until: str, output: Path | None, check: str | None
) -> Bounds | None:
    """What can be wrong is said before the service is asked.

    Raises `ValueError`, `ConfigurationError`, `OSError`.
    """
    from adjudicate.report.window import Window

    Window.of(window, since, until)
    if kind is Format.HTML:
        _need_matplotlib()
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
    if check is None:
        return None
    from adjudicate.report.checking import read_bounds

    return read_bounds(check)


def _need_matplotlib() -> None:
    import importlib.util

    from adjudicate.errors import ConfigurationError

    for name in ("matplotlib", "jinja2"):
        if importlib.util.find_spec(name) is None:
            raise ConfigurationError(
                f"--format html needs {name}: pip install 'adjudicate[report]'."
            )


def _checked(found: Report, bounds: Bounds | None) -> list[Checked] | None:
    if bounds is None:
        return None
    from adjudicate.report.checking import check

    return check(found, bounds.bounds)


def _see(one: Checked) -> str:
    return f" (see {one.bound.alert} in docs/runbook.md)" if one.bound.alert else ""


def _write(kind: Format, found: Report, checked: list[Checked] | None, output: Path | None) -> None:
    """Raises `OSError`."""
    if output is None:
        _print(kind, found, checked)
        return
    text = _text(found, checked) if kind is Format.TEXT else _rendered(kind, found, checked)
    output.write_text(text, encoding="utf-8")
    print(f"written to {output}", file=sys.stderr)


def _print(kind: Format, found: Report, checked: list[Checked] | None) -> None:
    if kind is not Format.TEXT:
        print(_rendered(kind, found, checked), end="")
        return
    from adjudicate.cli.console import Console
    from adjudicate.report.show import WIDTH, show

    screen = Console()
    if not screen.is_terminal:
        screen.width = WIDTH
    show(found, screen, checked)


def _text(found: Report, checked: list[Checked] | None) -> str:
    import io

    from rich.console import Console

    from adjudicate.report.show import WIDTH, show

    written = io.StringIO()
    show(found, Console(file=written, width=WIDTH), checked)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"


def _rendered(kind: Format, found: Report, checked: list[Checked] | None) -> str:
    if kind is Format.HTML:
        from adjudicate.report.page import page

        return page(found, checked)
    import json

    said = found.model_dump(mode="json")
    if checked is not None:
        said["bounds"] = [one.as_json() for one in checked]
    return json.dumps(said) + "\n"
