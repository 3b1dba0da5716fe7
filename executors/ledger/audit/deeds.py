"""What the trail says of a decision: its outcome, and commitments to what it was about.

A commitment is SHA-256 over canonical JSON that holds the evidence's salt. With the evidence at
hand it proves that neither ad nor decision was changed since; when evidence and salt are erased it
says nothing any more, and the chain stays whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

from adjudicate.audit.chain import Fact
from adjudicate.documents import Decision
from executors.ledger.audit.trail import Deed

_CONTENT = ("text", "advertiser", "market", "product", "language", "context", "picture")
"""What of the evidence is committed to: as it was sent, and the picture's hash."""


def decided(decision: Decision, evidence: Mapping[str, Any] | None) -> Deed:
    """The deed of a new decision. `evidence`: the row that is kept beside it, None where none is;
    without one the trail has no commitments, since nothing would keep them from being guessed."""
    facts: dict[str, Fact] = {
        "outcome": decision.outcome,
        "rule": decision.rule,
        "reason": next(iter(decision.reasons), ""),
    }
    salt = evidence["salt"] if evidence is not None else ""
    if evidence is not None and salt:
        facts["content"] = content_commitment(salt, evidence)
        facts["document"] = document_commitment(salt, decision.model_dump_json())
    return Deed("decided", decision.id or "", _decider(decision), facts)


def content_commitment(salt: str, evidence: Mapping[str, Any]) -> str:
    """SHA-256, hex, of the ad as the evidence holds it. Raises `KeyError` for a field not there."""
    return _commitment({"salt": salt, **{name: evidence[name] for name in _CONTENT}})


def document_commitment(salt: str, document: str) -> str:
    """SHA-256, hex, of the decision as the table of decisions holds it."""
    return _commitment({"salt": salt, "document": document})


def _commitment(said: dict[str, str]) -> str:
    return hashlib.sha256(rfc8785.dumps(said)).hexdigest()


def _decider(decision: Decision) -> str:
    """Who decided: a judge, the screen that it passed, a rule of ours, or nobody."""
    if "near_duplicate:hash" in decision.reasons[:1]:
        return "rule:near_duplicate"
    if decision.judged:
        return f"model:judge {decision.versions.get('judge', '')}".rstrip()
    if decision.outcome == "approve":
        return f"model:screen {decision.versions.get('encoder', '')}".rstrip()
    return "service"
