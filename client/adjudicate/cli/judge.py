"""`adjudicate judge …`: works on the model of the settings, not through a service."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.cli import completion, options
from adjudicate.cli.exits import Exit, fail, one_sentence

if TYPE_CHECKING:
    from executors.judge.calibration.fitting import Calibration
    from executors.judge.calibration.run import Run

NEEDS = ("matplotlib", "jinja2")
_SHOWN_REFUSALS = 20

app = typer.Typer(
    no_args_is_help=True,
    help="The judge's model.",
    epilog=options.examples("adjudicate judge calibrate labelled.csv"),
)


@app.callback()
def _judge() -> None:
    # With a callback a single command keeps its name.
    pass


@app.command(
    epilog=options.examples(
        "adjudicate judge calibrate labelled.csv",
        "adjudicate judge calibrate labelled.csv --model shipped --write --json",
    )
)
def calibrate(
    labelled: Annotated[
        Path,
        typer.Argument(
            metavar="CSV",
            help="Labelled ads, as for `adjudicate calibrate`: columns file or text, and label.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="Name of models.yml or folder; by default that of the settings.",
            autocompletion=completion.models,
        ),
    ] = "",
    write: Annotated[
        bool, typer.Option("--write", help="Put the temperature into models.yml.")
    ] = False,
    held_out: Annotated[
        float, typer.Option(min=0.2, max=0.8, help="Share of the ads that is measured on.")
    ] = 0.5,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the bounds.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of the split and the bounds.")] = 0,
    out: Annotated[
        Path, typer.Option(help="Folder of report.html, reliability.png and the JSON.")
    ] = Path("out/judge-calibration"),
    as_json: options.Json = False,
) -> None:
    """Fit the judge's temperature on labelled ads, and say what its probabilities are worth.

    The temperature is fitted on one part and measured on the other, before and after. Nothing of
    the model is changed without --write, nor where the log loss on held-out ads does not fall.
    Where the model has no entry in models.yml, --write changes the judge_config.json of its folder.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        fail(
            f"judge calibrate needs {', '.join(missing)}: pip install 'adjudicate[report]'.",
            Exit.USAGE,
        )
    with one_sentence():
        from adjudicate.up import check_serve

        check_serve("torch", "transformers")
        from executors.judge.calibration.report import warnings_of
        from executors.judge.calibration.run import write_temperature

        done = _done(labelled, model, held_out, confidence, seed)
        if not as_json:
            _print(done.found, warnings_of(done.found))
        said = "Nothing was written."
        if write and done.found.helps:
            file = write_temperature(done.resolved, done.found.fitted.temperature)
            said = f"Written to {file}."
        _write(out, done, labelled, said)
        if as_json:
            print(done.found.as_json())
        else:
            print(f"{said} {out}/report.html, reliability.png, calibration.json")
        if done.refused:
            raise typer.Exit(Exit.AD_ERROR)


def _done(labelled: Path, model: str, held_out: float, confidence: float, seed: int) -> Run:
    from adjudicate.calibration.labelled import count_rows
    from adjudicate.cli.transfers import progress
    from executors.judge.calibration.run import run
    from executors.shared.settings import load_settings

    settings = load_settings()
    if model:
        judge = settings.judge.model_copy(update={"model": model})
        settings = settings.model_copy(update={"judge": judge})
    with progress("judging", lambda: count_rows(labelled)) as advance:
        done = run(
            labelled,
            settings,
            held_out=held_out,
            confidence=confidence,
            seed=seed,
            advance=advance,
        )
    for sentence in done.refused[:_SHOWN_REFUSALS]:
        print(sentence, file=sys.stderr)
    if done.refused:
        print(f"{len(done.refused)} rows cannot be used; going on without them", file=sys.stderr)
    return done


def _print(found: Calibration, warnings: list[str]) -> None:
    from rich import box
    from rich.table import Table

    from adjudicate.cli.console import Console

    table = Table("", box=box.SIMPLE)
    for name in ("now", "bounds", "after", "bounds"):
        table.add_column(name, justify="left" if name == "bounds" else "right")
    table.add_row(
        "temperature", f"{found.before.temperature:.4g}", "", f"{found.after.temperature:.4g}", ""
    )
    for name, now in found.before.figures.items():
        then = found.after.figures[name]
        table.add_row(name, *_shown(now), *_shown(then))
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(table)
    console.print(
        f"Fitted on {found.fitted_on} ads, measured on {found.violations + found.compliant} others "
        f"({found.violations} violations); bounds at {found.confidence:.0%}.",
        style="dim",
        highlight=False,
    )
    for warning in warnings:
        console.print(warning, style="yellow", highlight=False)


def _shown(figure: Any) -> tuple[str, str]:
    return f"{figure.value:.4f}", f"{figure.low:.4f} – {figure.high:.4f}"


def _write(out: Path, done: Run, labelled: Path, said: str) -> None:
    from executors.judge.calibration.figure import reliability_png
    from executors.judge.calibration.report import report_html, warnings_of

    out.mkdir(parents=True, exist_ok=True)
    curve = reliability_png(done.found)
    (out / "reliability.png").write_bytes(curve)
    (out / "calibration.json").write_text(done.found.as_json(), encoding="utf-8")
    page = report_html(
        done.found,
        curve,
        model=done.resolved.name,
        version=done.version,
        labelled=labelled.name,
        written=said,
        warnings=warnings_of(done.found),
    )
    (out / "report.html").write_text(page, encoding="utf-8")
