"""The documents that travel through the Flow. The only vocabulary, shared by client and rooms.

    Ad ──► encoder ──► Case ──► library ──► Case ──► judge ──► Case ──► ledger ──► Decision

A client sends `Ad`s and gets `Decision`s. Between the rooms an ad travels as a `Case`, which every
room adds to. `Exemplar` is what the library holds.
"""

# No `from __future__ import annotations` in these modules: Jina copies the classes field by field,
# and deferred annotations cannot be resolved from where it does so.
from adjudicate.documents.ads import AD_FIELDS, Ad, Case
from adjudicate.documents.decisions import Decision, PersonVerdict
from adjudicate.documents.evidence import Finding, Match
from adjudicate.documents.library import EXEMPLAR_FIELDS, Bank, Change, Exemplar, ThresholdVersion
from adjudicate.documents.problem import Problem
from adjudicate.documents.quality import Drift, Proportion, Quality, Reference
from adjudicate.documents.rankings import Candidate, Ranking
from adjudicate.documents.rooms import (
    Canary,
    Lookup,
    ModelVersion,
    ReplicaHealth,
    RoomReport,
    RoomStatus,
)
from adjudicate.documents.values import (
    LANGUAGES,
    MARKETS,
    PRODUCTS,
    RATIONALES,
    CanaryResult,
    DriftState,
    Outcome,
    PersonsVerdict,
    Polarity,
    ReplicaState,
    RestartReason,
    Signal,
    ThresholdState,
    Verdict,
)

__all__ = [
    "AD_FIELDS",
    "EXEMPLAR_FIELDS",
    "LANGUAGES",
    "MARKETS",
    "PRODUCTS",
    "RATIONALES",
    "Ad",
    "Bank",
    "Canary",
    "CanaryResult",
    "Candidate",
    "Case",
    "Change",
    "Decision",
    "Drift",
    "DriftState",
    "Exemplar",
    "Finding",
    "Lookup",
    "Match",
    "ModelVersion",
    "Outcome",
    "PersonVerdict",
    "PersonsVerdict",
    "Polarity",
    "Problem",
    "Proportion",
    "Quality",
    "Ranking",
    "Reference",
    "ReplicaHealth",
    "ReplicaState",
    "RestartReason",
    "RoomReport",
    "RoomStatus",
    "Signal",
    "ThresholdState",
    "ThresholdVersion",
    "Verdict",
]
