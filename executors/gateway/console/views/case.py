"""What the page of a case shows, from the case file, the library and the policy: pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adjudicate.documents import Evidence
from executors.gateway.console.people import Me
from executors.gateway.console.views.marks import Piece, pieces, stands
from executors.shared.policy import Policy
from executors.shared.rule import Rule

Body = dict[str, Any]

HASH_BITS = 256
_PICTURES = ("image", "hash")
_NO_EVIDENCE = {name: value for name, value in dict(Evidence()).items() if name != "id"}
"""Of a decision of an earlier release."""


@dataclass(frozen=True)
class Resembled:
    """One match of the decision, with the exemplar that it is about."""

    match: Body
    exemplar: Body | None
    """None: a term, or it has left the library since."""
    category: str

    @property
    def distance(self) -> int | None:
        """Bits of 256 in which the hashes differ; None for other signals."""
        if self.match["signal"] != "hash":
            return None
        return round((1 - self.match["similarity"]) * HASH_BITS)

    @property
    def has_picture(self) -> bool:
        """Whether there is one to be shown beside the ad's."""
        held = self.exemplar is not None and self.match["signal"] != "term"
        known = self.match["signal"] in _PICTURES or bool((self.exemplar or {}).get("phash"))
        return held and known

    @property
    def words(self) -> str:
        """Its text: the exemplar's, or the term as it stands in the copy."""
        if self.match["signal"] == "term":
            return str(self.match["matched"])
        return str((self.exemplar or {}).get("text", ""))


@dataclass(frozen=True)
class CasePage:
    """All of it."""

    id: str
    file: Body
    decision: Body
    evidence: Body
    item: Body | None
    copy: Sequence[Piece]
    resembled: Sequence[Resembled]
    findings: Sequence[Body]
    rules: Sequence[Rule]
    """Those that it may break, the likeliest first."""
    choices: Mapping[str, Sequence[Rule]]
    """Every rule that the ad is held to, by its law."""
    rule: str
    """Proposed: the decision's."""
    reviews: Sequence[Body]
    blind: bool
    """Whether what others answered is kept from who is to answer by themselves."""
    can_answer: bool
    held_by_other: bool

    @property
    def can_choose_proposed(self) -> bool:
        """Whether the proposed rule is among those that can be named; else it is left as it is."""
        return any(rule.code == self.rule for rules in self.choices.values() for rule in rules)

    @property
    def appeal(self) -> Body | None:
        """The open one."""
        return next((one for one in self.file["appeals"] if one["state"] == "open"), None)

    @property
    def ruling(self) -> Body | None:
        """What counts for the ad since people settled it."""
        return self.decision.get("ruling")

    @property
    def probability(self) -> float | None:
        """Of a violation, by the judge, as far as the decision says."""
        found = [one["probability"] for one in self.findings if one["probability"]]
        if found:
            return float(max(found))
        sure = self.decision["judged"] and self.decision["confidence"]
        if not sure or self.decision["outcome"] not in ("approve", "reject"):
            return None
        confidence = float(self.decision["confidence"])
        return confidence if self.decision["outcome"] == "reject" else 1 - confidence

    @property
    def undoable(self) -> Body | None:
        """The newest answer of the reader that still counts."""
        return next((one for one in reversed(self.reviews) if one.get("mine")), None)


def case_page(file: Body, exemplars: Mapping[str, Body], policy: Policy, me: Me) -> CasePage:
    """From the case file as the ledger has it, and the exemplars of its matches by their ids."""
    decision = file["decision"] or {}
    evidence = file["evidence"] or _NO_EVIDENCE
    item = file["item"]
    findings = [_read(one, evidence.get("text", "")) for one in decision.get("findings", ())]
    matches = decision.get("matches", ())
    terms = [match["matched"] for match in matches if match.get("matched")]
    rules = _rules(decision, findings, policy)
    blind = _blind(item, me)
    held_by_other = bool(item and item["lease_by"] and item["lease_by"] != me.id)
    return CasePage(
        id=file["id"],
        file=file,
        decision=decision,
        evidence=evidence,
        item=item,
        copy=pieces(evidence.get("text", ""), [one["claim"] for one in findings], terms),
        resembled=[_resembled(match, exemplars) for match in matches],
        findings=findings,
        rules=rules,
        choices=_choices(policy, evidence),
        rule=decision.get("rule") or (rules[0].code if rules else ""),
        reviews=_reviews(file["reviews"], me, blind),
        blind=blind and any(one["by"] != me.id for one in file["reviews"]),
        can_answer=_can_answer(item, me) and not held_by_other,
        held_by_other=held_by_other,
    )


def wanted_exemplars(file: Body) -> list[str]:
    """The ids of the exemplars that the decision's matches name."""
    matches = (file["decision"] or {}).get("matches", ())
    return list(dict.fromkeys(one["exemplar_id"] for one in matches if one["exemplar_id"]))


def _resembled(match: Body, exemplars: Mapping[str, Body]) -> Resembled:
    exemplar = exemplars.get(match["exemplar_id"])
    category = match["category"] or (exemplar or {}).get("category", "")
    return Resembled(match, exemplar, category)


def _read(finding: Body, copy: str) -> Body:
    return {**finding, "in_copy": stands(copy, finding["claim"])}


def _rules(decision: Body, findings: Sequence[Body], policy: Policy) -> list[Rule]:
    named = [decision.get("rule", "")]
    named += [one["rule"] for one in findings]
    named += [one["rule"] for one in decision.get("matches", ()) if one["polarity"] == "violation"]
    codes = [code for code in dict.fromkeys(named) if policy.knows(code)]
    return [policy.rules.get(code) or policy.off[code] for code in codes]


def _choices(policy: Policy, evidence: Body) -> dict[str, list[Rule]]:
    held = policy.applicable(evidence.get("market") or None, evidence.get("product") or None)
    laws: dict[str, list[Rule]] = {}
    for rule in held:
        laws.setdefault(rule.law, []).append(rule)
    return laws


def _blind(item: Body | None, me: Me) -> bool:
    """A second answer is worth something when it is given without knowledge of the first."""
    if item is None or item["state"] != "open" or item["stage"] != "second":
        return False
    return me.may_work and not me.may_lead


def _reviews(reviews: Sequence[Body], me: Me, blind: bool) -> list[Body]:
    shown = [{**one, "mine": one["by"] == me.id and not one["undone_at"]} for one in reviews]
    return [one for one in shown if one["by"] == me.id] if blind else shown


def _can_answer(item: Body | None, me: Me) -> bool:
    if item is None or item["state"] != "open" or not me.may_work:
        return False
    return item["stage"] != "lead" or me.may_lead
