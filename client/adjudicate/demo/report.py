"""report.html: each ad beside the exemplar that it resembles, in one file that needs no other."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from adjudicate.demo.metrics import Numbers
from adjudicate.demo.samples import Sample
from adjudicate.demo.session import Session
from adjudicate.documents import Decision, Exemplar, Match

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


@dataclass(frozen=True)
class Rule:
    """A rule as the report shows it."""

    code: str
    law: str
    article: str
    en: str
    zh: str


@dataclass(frozen=True)
class Card:
    """One ad with its decision and evidence."""

    sample: Sample
    decision: Decision | None
    picture: str
    nearest: Match | None
    exemplar: Exemplar | None
    exemplar_picture: str
    """Empty where its text is what is alike."""
    rule: Rule | None
    ms: dict[str, float]

    @property
    def outcome(self) -> str:
        """Of the decision; `lost` without one."""
        return self.decision.outcome if self.decision else "lost"

    @property
    def right(self) -> bool:
        """Whether the outcome fits the label; an escalation never does nor fails to approve."""
        fits = {"violation": ("reject", "escalate"), "compliant": ("approve",), "error": ("error",)}
        return self.outcome in fits[self.sample.label]

    @property
    def probability(self) -> float | None:
        """Of a violation, the highest of the findings; None when the judge was not asked."""
        findings = self.decision.findings if self.decision else ()
        return max((finding.probability for finding in findings), default=None)


def render(session: Session, counted: Numbers) -> str:
    """The page as HTML; everything that it shows is inside it."""
    environment = Environment(
        loader=PackageLoader("adjudicate.demo", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rules = load_rules()
    return environment.get_template("report.html.j2").render(
        cards=[card(session, sample, rules) for sample in session.samples],
        numbers=counted,
        session=session,
        versions=next((d.versions for d in session.decisions.values() if d.versions), {}),
    )


def card(session: Session, sample: Sample, rules: dict[str, Rule]) -> Card:
    """The card of one sample."""
    decision = session.decisions.get(sample.ad_id)
    nearest = session.nearest.get(sample.ad_id)
    exemplar = session.exemplars.get(nearest.exemplar_id) if nearest else None
    by_picture = nearest is not None and nearest.signal in ("image", "hash")
    return Card(
        sample=sample,
        decision=decision,
        picture=data_uri(sample.ad.image) if sample.label != "error" else "",
        nearest=nearest,
        exemplar=exemplar,
        exemplar_picture=data_uri(exemplar.image) if exemplar and by_picture else "",
        rule=rules.get(decision.rule) if decision else None,
        ms={run.protocol: run.ms[sample.ad_id] for run in session.runs if sample.ad_id in run.ms},
    )


def data_uri(image: bytes | None) -> str:
    """The picture as a `data:` URI; empty without one, or for bytes that are no known picture."""
    if not image:
        return ""
    kind = next((kind for magic, kind in _MAGIC if image.startswith(magic)), "")
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        kind = "image/webp"
    return f"data:{kind};base64,{base64.b64encode(image).decode('ascii')}" if kind else ""


def load_rules() -> dict[str, Rule]:
    """The policy's rules by code; none where the rooms' code is not installed."""
    try:
        from executors.shared.policy import load_policy
        from executors.shared.settings import load_settings
    except ImportError:
        return {}
    rules: dict[str, Any] = dict(load_policy(load_settings().policies).rules)
    return {
        code: Rule(code, rule.law, rule.article, rule.text_in("en"), rule.text_in("zh"))
        for code, rule in rules.items()
    }
