"""What docs/capacity.md shows of the command, put there: `python -m adjudicate.capacity.page FILE`.

A block is the line `<!-- $ adjudicate capacity … -->`, then a fence with what the command prints.
The table of figures stands between `<!-- figures -->` and `<!-- end of figures -->`.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from adjudicate.capacity.figures import Figures, shipped

WIDTH = 100
_BLOCK = re.compile(
    r"(?<=<!-- \$ )(adjudicate capacity[^\n]*)( -->\n```text\n)(.*?)(^```$)", re.S | re.M
)
_FIGURES = re.compile(r"(?<=<!-- figures -->\n)(.*?)(?=<!-- end of figures -->)", re.S)


def filled(page: str, folder: Path) -> str:
    """The page with its blocks as the command now prints them; files are named as from `folder`.

    Raises `ValueError` for a command that fails.
    """
    page = _BLOCK.sub(
        lambda found: f"{found[1]}{found[2]}{_printed(shlex.split(found[1]), folder)}\n{found[4]}",
        page,
    )
    return _FIGURES.sub(lambda _: "\n".join(_figures(shipped())) + "\n", page)


def _printed(command: list[str], folder: Path) -> str:
    """What the command prints, at `WIDTH` columns."""
    from contextlib import chdir

    from typer.testing import CliRunner

    from adjudicate.cli.app import app

    with chdir(folder):
        done = CliRunner().invoke(app, command[1:], env={"COLUMNS": str(WIDTH), "NO_COLOR": "1"})
    if done.exit_code:
        raise ValueError(f"{shlex.join(command)}: {done.output.strip()}")
    lines = (line.rstrip() for line in done.output.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _figures(figures: Figures) -> Iterator[str]:
    """A table of all figures."""
    yield "| figure | value | known | what it is, and where it is from |"
    yield "|---|---|---|---|"
    for name in figures:
        one = figures.of(name)
        yield f"| `{name}` | {one.value:,g} {one.unit} | {one.kind} | {one.means}; {one.source} |"


def main(path: Path) -> None:
    """Fill the blocks of a file. The paths in them are as from the repository's root."""
    shipped.cache_clear()
    root = path.resolve().parents[1]
    path.write_text(filled(path.read_text(encoding="utf-8"), root), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
