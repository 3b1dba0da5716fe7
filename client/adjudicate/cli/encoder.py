"""`adjudicate encoder …`: works on the model of the settings, not through a service."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, fail, one_sentence

app = typer.Typer(
    no_args_is_help=True,
    help="The screen's model.",
    epilog=options.examples("adjudicate encoder export-onnx models/clip-int8"),
)


@app.callback()
def _encoder() -> None:
    # With a callback a single command keeps its name.
    pass


@app.command(
    "export-onnx",
    epilog=options.examples(
        "adjudicate encoder export-onnx models/clip-int8 --samples samples/ads",
        "adjudicate encoder export-onnx models/clip-int8 --least-cosine 0.99 --json",
    ),
)
def export_onnx(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    samples: Annotated[
        Path | None, typer.Option(help="A folder of pictures to compare on; by default noise.")
    ] = None,
    least_cosine: Annotated[
        float, typer.Option(min=-1, max=1, help="Write nothing if a sample agrees less.")
    ] = 0.97,
    as_json: options.Json = False,
) -> None:
    """Write the encoder of the settings in int8 for ONNX Runtime, and say how well it agrees.

    Serve it with ADJUDICATE_ENCODER__BACKEND=onnx and ADJUDICATE_ENCODER__ONNX=DIR. Its embeddings
    are a version of their own: the library needs them too (adjudicate library reembed).
    """
    if samples is not None and not samples.is_dir():  # before the model, which takes long
        fail(f"There is no folder {samples}.", Exit.USAGE)
    with one_sentence():
        from rich import box
        from rich.table import Table

        from adjudicate.cli.console import Console
        from adjudicate.up import check_serve

        check_serve("torch", "open_clip")
        from executors.encoder.onnx_export import export, pictures_in
        from executors.shared.settings import load_settings

        settings = load_settings().encoder
        pictures = pictures_in(samples) if samples is not None else []
        found = export(settings.model, settings.pretrained, folder, pictures, least_cosine)
        if as_json:
            print(json.dumps({"out": str(folder), "towers": [asdict(one) for one in found]}))
            return
        columns = ("tower", "samples", "mean cosine", "least", "fp32 ms", "int8 ms")
        table = Table(*columns, box=box.SIMPLE)
        for one in found:
            numbers = (f"{one.mean_cosine:.4f}", f"{one.least_cosine:.4f}")
            times = (f"{one.fp32_ms:.1f}", f"{one.int8_ms:.1f}")
            table.add_row(one.tower, str(one.samples), *numbers, *times)
        Console().print(table)
        print(f"written to {folder}")
