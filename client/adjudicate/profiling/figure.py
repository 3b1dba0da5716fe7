"""The profile as a picture: the parts of a request's time one after another."""

from __future__ import annotations

import html
import io
from pathlib import Path
from typing import TYPE_CHECKING

from adjudicate.profiling.collect import Profile
from adjudicate.profiling.stages import GATEWAY, ROOMS
from adjudicate.profiling.summary import Line, headline, lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = (".html", ".svg", ".png")
COLOURS = {
    "network": "#7a8290",
    "gateway": "#2456c8",
    "encoder": "#11734b",
    "library": "#8a6d00",
    "judge": "#c2571a",
    "ledger": "#7b3fa0",
}
"""One per stage, apart for colour-blind eyes too; each bar has its name beside it as well."""


def write(profile: Profile, path: Path) -> None:
    """Write the picture, as a page with its table for `.html`.

    Raises `ValueError` for another ending, `ImportError` without matplotlib, `OSError`.
    """
    kind = path.suffix.lower()
    check(path)
    if kind == ".html":
        path.write_text(_page(profile), encoding="utf-8")
    else:
        path.write_bytes(_drawn(profile, kind[1:]))


def check(path: Path) -> None:
    """Raises `ValueError` for an ending that is no picture's."""
    if path.suffix.lower() not in KINDS:
        raise ValueError(f"--out takes a file that ends in {', '.join(KINDS)}, not {path.name!r}.")


def _drawn(profile: Profile, kind: str) -> bytes:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Text stays text in an SVG, and the same profile gives the same file.
    with mpl.rc_context({"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "profile"}):
        shown = _bars(lines(profile))
        figure: Figure = Figure(figsize=(9, 0.34 * len(shown) + 1.2), layout="constrained")
        FigureCanvasAgg(figure)
        _waterfall(figure.subplots(), shown)
        figure.suptitle(headline(profile), fontsize=10)
        buffer = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(buffer, format=kind, dpi=120, facecolor="white", metadata=metadata)
        return buffer.getvalue()


def _bars(found: list[Line]) -> list[Line]:
    """The parts, and those stages that have none, in the order in which they come to pass."""
    with_parts = {line.stage for line in found if line.part}
    shown = [
        line
        for line in found
        if line.stage != "total" and (line.part or line.stage not in with_parts) and line.mean
    ]
    places = ["network", GATEWAY, *ROOMS]

    def place(line: Line) -> tuple[int, bool]:
        # The way to a room stands right before the room.
        _, _, room = line.part.partition(".")
        to_room = line.stage == GATEWAY and room in ROOMS
        return places.index(room if to_room else line.stage), not to_room

    return sorted(shown, key=place)


def _waterfall(axes: Axes, shown: list[Line]) -> None:
    start = 0.0
    for row, line in enumerate(shown):
        axes.barh(row, line.mean, left=start, color=COLOURS[line.stage], height=0.7)
        start += line.mean
        label = f" {line.mean:.2f} ms, {line.share:.0%}"
        axes.text(start, row, label, va="center", fontsize=8)
    names = [f"{line.stage}: {line.what}" if line.what else line.stage for line in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, max(start, 1e-9) * 1.18)
    axes.set_xlabel("mean milliseconds since the client sent the request")
    axes.spines[["top", "right"]].set_visible(False)


def _page(profile: Profile) -> str:
    drawn = _drawn(profile, "svg").decode()
    drawn = drawn[drawn.index("<svg") :]
    rows = "".join(_row(line) for line in lines(profile))
    return _HTML.format(title=html.escape(headline(profile)), picture=drawn, rows=rows)


def _row(line: Line) -> str:
    name = html.escape(line.what if line.part else line.stage)
    said = "" if line.part else html.escape(line.what)
    numbers = "".join(f"<td>{value:.2f}</td>" for value in (line.mean, line.p50, line.p95))
    kind = "part" if line.part else "stage"
    return f"<tr class={kind}><th>{name} <i>{said}</i></th>{numbers}<td>{line.share:.1%}</td></tr>"


_HTML = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #1c2430 }}
svg {{ width: 100%; height: auto }} table {{ border-collapse: collapse; width: 100% }}
th {{ text-align: left; font-weight: 600 }} td {{ text-align: right; padding: .15rem .6rem }}
.part th {{ font-weight: 400; padding-left: 1.5rem }} i {{ color: #667; font-weight: 400 }}
.stage {{ border-top: 1px solid #dde }} thead td {{ color: #667 }}
</style>
<h1>Where the time goes</h1>
{picture}
<table><thead><tr><td></td><td>mean ms</td><td>p50</td><td>p95</td><td>share</td></tr></thead>
<tbody>{rows}</tbody></table></html>
"""
