"""Adjudicate: ad compliance review as a service. What users import."""

import os

os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adjudicate.answers import Embedding, SearchResult
    from adjudicate.client import AsyncClient
    from adjudicate.documents import (
        Ad,
        Appeal,
        Bank,
        Candidate,
        Change,
        Decision,
        Drift,
        Exemplar,
        Finding,
        Match,
        ModelVersion,
        PersonVerdict,
        Problem,
        Proportion,
        Quality,
        QueueAsk,
        QueueCounts,
        QueueItem,
        Ranking,
        Reference,
        ReplicaHealth,
        Review,
        RoomStatus,
        Ruling,
        ThresholdVersion,
        WebhookDelivery,
    )
    from adjudicate.errors import (
        AdError,
        AdjudicateError,
        AuthenticationError,
        CertificateError,
        Code,
        ConfigurationError,
        ConflictError,
        DeadlineError,
        ForbiddenError,
        NotFoundError,
        OverloadedError,
        RateLimitError,
        RequestError,
        ServiceError,
        TooLargeError,
        UnavailableError,
    )
    from adjudicate.report.model import Report
    from adjudicate.sync import Client
    from adjudicate.things import ad_of, ads_of

__all__ = [
    "Ad",
    "AdError",
    "AdjudicateError",
    "Appeal",
    "AsyncClient",
    "AuthenticationError",
    "Bank",
    "Candidate",
    "CertificateError",
    "Change",
    "Client",
    "Code",
    "ConfigurationError",
    "ConflictError",
    "DeadlineError",
    "Decision",
    "Drift",
    "Embedding",
    "Exemplar",
    "Finding",
    "ForbiddenError",
    "Match",
    "ModelVersion",
    "NotFoundError",
    "OverloadedError",
    "PersonVerdict",
    "Problem",
    "Proportion",
    "Quality",
    "QueueAsk",
    "QueueCounts",
    "QueueItem",
    "Ranking",
    "RateLimitError",
    "Reference",
    "ReplicaHealth",
    "Report",
    "RequestError",
    "Review",
    "RoomStatus",
    "Ruling",
    "SearchResult",
    "ServiceError",
    "ThresholdVersion",
    "TooLargeError",
    "UnavailableError",
    "WebhookDelivery",
    "ad_of",
    "ads_of",
]

_ERRORS = ("Code", *(name for name in __all__ if name.endswith("Error")))
_HOME = dict.fromkeys(__all__, "adjudicate.documents")
_HOME |= dict.fromkeys(_ERRORS, "adjudicate.errors")
_HOME |= dict.fromkeys(("Embedding", "SearchResult"), "adjudicate.answers")
_HOME |= dict.fromkeys(("ad_of", "ads_of"), "adjudicate.things")
_HOME |= {"AsyncClient": "adjudicate.client", "Client": "adjudicate.sync"}
_HOME |= {"Report": "adjudicate.report.model"}


def __getattr__(name: str) -> Any:
    """The public names, loaded when first used: docarray alone takes seconds to import."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
