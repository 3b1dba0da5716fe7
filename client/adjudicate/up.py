"""`adjudicate up`: start the Flow of flow.yml and watch over it until Ctrl-C or SIGTERM."""

from __future__ import annotations

import importlib.util
import os
import warnings
from pathlib import Path

from adjudicate.errors import ConfigurationError

ALL_ROOMS = ("torch", "open_clip", "transformers", "sqlalchemy")


def find_flow(flow: Path | None = None) -> Path:
    """The flow.yml to run: the one named, else the nearest one upwards from here.

    Raises `ConfigurationError` when there is none, or when the `serve` extra is not installed.
    """
    if flow is not None:
        if not flow.is_file():
            raise ConfigurationError(f"There is no file {flow}.")
        return flow.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "flow.yml").is_file():
            return folder / "flow.yml"
    raise ConfigurationError(
        "There is no flow.yml here or above; run from a checkout, or name one with --flow."
    )


def up(flow: Path | None = None) -> int:
    """Run until stopped. Returns the exit status; one sentence is printed when it is not 0.

    Raises `ConfigurationError` as `find_flow` does.
    """
    path = find_flow(flow)
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    os.environ.setdefault("JINA_LOG_LEVEL", "ERROR")
    check_serve()
    import jina

    try:
        with jina.Flow.load_config(str(path)) as running:
            running.block()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def check_serve(*packages: str) -> None:
    """Raises `ConfigurationError` when the service's code, or one of these packages, is missing.

    Without packages: any that a room needs. A room's image has those of its own room alone.
    """
    for needed in ("executors", *(packages or ALL_ROOMS)):
        if importlib.util.find_spec(needed) is None:
            raise ConfigurationError(
                f"{needed} is not installed; the service needs `pip install '.[serve]'`."
            )
