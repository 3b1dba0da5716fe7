"""report.html of a calibration: one file that needs no other."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass

from adjudicate.calibration.estimate import Share
from adjudicate.calibration.proposal import Proposal
from adjudicate.calibration.scores import OFF, SIGNALS


@dataclass(frozen=True)
class Line:
    """One category as table and report show it."""

    category: str
    examples: int
    thresholds: tuple[str, ...]
    """By signal: the proposed one, and the present one where that is another."""
    recall: Share
    """On ads that the thresholds were not chosen on."""
    now: Share
    """With the present thresholds."""
    flagged: Share
    """Compliant ads that this category's thresholds flag."""
    note: str


def lines_of(proposal: Proposal) -> list[Line]:
    """All categories, by name."""
    scores = proposal.scores
    return [
        Line(
            category=name,
            examples=int(scores.of(place).sum()),
            thresholds=tuple(
                _change(proposal.present[place, at], proposal.proposed[place, at])
                for at in range(len(SIGNALS))
            ),
            recall=proposal.then.by_category[place],
            now=proposal.now.by_category[place],
            flagged=proposal.then.flagged_by_category[place],
            note=proposal.notes.get(name, ""),
        )
        for place, name in enumerate(scores.categories)
    ]


def percent(share: Share) -> str:
    """`97.5 %`, or a dash for nothing."""
    return "—" if math.isnan(share.value) else f"{share.value * 100:.1f} %"


def bounds(share: Share) -> str:
    """`94.1 – 99.2 %`."""
    return "" if not share.total else f"{share.low * 100:.1f} – {share.high * 100:.1f} %"


def threshold(value: float) -> str:
    """Three decimals, or `off`."""
    return "off" if value == OFF else f"{value:.3f}"


def report_html(
    proposal: Proposal, curves: bytes, *, encoder: str, version: str, state: str, labelled: str
) -> str:
    """The page. `version` is empty when nothing was stored. Raises `ImportError` without jinja2."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("adjudicate.calibration", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(percent=percent, bounds=bounds)
    return environment.get_template("report.html.j2").render(
        proposal=proposal,
        scores=proposal.scores,
        lines=lines_of(proposal),
        signals=SIGNALS,
        curves=base64.b64encode(curves).decode("ascii"),
        encoder=encoder,
        version=version,
        state=state,
        labelled=labelled,
    )


def thresholds_yaml(proposal: Proposal, encoder: str) -> str:
    """The proposal as a thresholds file."""
    lines = [f"encoder: {json.dumps(encoder)}"]
    for part, values in proposal.content.items():
        lines.append(f"{part}:" if values else f"{part}: {{}}")
        for name, value in values.items():
            # JSON's strings and numbers are YAML's too.
            lines.append(f"  {json.dumps(name, ensure_ascii=False)}: {_yaml(value)}")
    return "\n".join(lines) + "\n"


def _yaml(value: float | None) -> str:
    return "off" if value is None else json.dumps(value)


def _change(present: float, proposed: float) -> str:
    if threshold(present) == threshold(proposed):
        return threshold(proposed)
    return f"{threshold(proposed)} (was {threshold(present)})"
