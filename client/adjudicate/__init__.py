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
        Bank,
        Candidate,
        Change,
        Decision,
        Exemplar,
        Finding,
        Match,
        Problem,
        Ranking,
        RoomStatus,
    )
    from adjudicate.errors import (
        AdError,
        AdjudicateError,
        Code,
        ConfigurationError,
        RequestError,
        ServiceError,
    )
    from adjudicate.sync import Client

__all__ = [
    "Ad",
    "AdError",
    "AdjudicateError",
    "AsyncClient",
    "Bank",
    "Candidate",
    "Change",
    "Client",
    "Code",
    "ConfigurationError",
    "Decision",
    "Embedding",
    "Exemplar",
    "Finding",
    "Match",
    "Problem",
    "Ranking",
    "RequestError",
    "RoomStatus",
    "SearchResult",
    "ServiceError",
]

_MODULES = {
    "adjudicate.answers": ("Embedding", "SearchResult"),
    "adjudicate.client": ("AsyncClient",),
    "adjudicate.documents": (
        *(
            "Ad",
            "Bank",
            "Candidate",
            "Change",
            "Decision",
            "Exemplar",
            "Finding",
            "Match",
            "Problem",
        ),
        *("Ranking", "RoomStatus"),
    ),
    "adjudicate.errors": (
        *("AdError", "AdjudicateError", "Code"),
        *("ConfigurationError", "RequestError", "ServiceError"),
    ),
    "adjudicate.sync": ("Client",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public names, loaded when first used: docarray alone takes seconds to import."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
