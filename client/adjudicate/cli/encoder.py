"""`adjudicate encoder …`: works on the model of the settings, not through a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adjudicate.cli.exits import one_sentence

app = typer.Typer(no_args_is_help=True, help="The screen's model.")


@app.callback()
def _encoder() -> None:
    # With a callback a single command keeps its name.
    pass


@app.command("export-onnx")
def export_onnx(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    samples: Annotated[
        Path | None, typer.Option(help="A folder of pictures to compare on; by default noise.")
    ] = None,
    least_cosine: Annotated[
        float, typer.Option(min=-1, max=1, help="Write nothing if a sample agrees less.")
    ] = 0.97,
) -> None:
    """Write the encoder of the settings in int8 for ONNX Runtime, and say how well it agrees.

    Serve it with ADJUDICATE_ENCODER__BACKEND=onnx and ADJUDICATE_ENCODER__ONNX=DIR. Its embeddings
    are a version of their own: the library needs them too (adjudicate library reembed).
    """
    with one_sentence():
        from rich import box
        from rich.console import Console
        from rich.table import Table

        from adjudicate.up import check_serve

        check_serve()
        from executors.encoder.onnx_export import export, pictures_in
        from executors.shared.settings import load_settings

        settings = load_settings().encoder
        pictures = pictures_in(samples) if samples is not None else []
        found = export(settings.model, settings.pretrained, folder, pictures, least_cosine)
        columns = ("tower", "samples", "mean cosine", "least", "fp32 ms", "int8 ms")
        table = Table(*columns, box=box.SIMPLE)
        for one in found:
            numbers = (f"{one.mean_cosine:.4f}", f"{one.least_cosine:.4f}")
            times = (f"{one.fp32_ms:.1f}", f"{one.int8_ms:.1f}")
            table.add_row(one.tower, str(one.samples), *numbers, *times)
        Console().print(table)
        print(f"written to {folder}")
