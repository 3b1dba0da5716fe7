"""The endpoints that rooms answer: which rooms, in which order, and with what."""

from __future__ import annotations

REVIEW = "/review"
UNKNOWN = "/unknown"
ROOMS = ("encoder", "library", "judge", "ledger")
_LEDGER = (
    *("/decision", "/decision/verdict", "/decisions/search", "/decisions/export", "/case"),
    *("/erase", "/expire", "/overview", "/audit/list", "/audit/verify", "/audit/add"),
    *("/queue/list", "/queue/counts", "/queue/claim", "/queue/release", "/queue/review"),
    *("/queue/undo", "/appeals/add", "/appeals/list", "/appeals/decide"),
    *("/webhooks/list", "/webhooks/retry", "/webhooks/test"),
    *("/learning/lesson", "/learning/taught", "/learning/forgotten", "/learning/figures"),
    *("/learning/preview", "/learning/apply", "/learning/undo", "/learning/propagations"),
)
DIRECT: dict[str, tuple[str, ...]] = {
    "/embed": ("encoder",),
    "/rank": ("encoder",),
    "/classify": ("encoder",),
    "/search": ("encoder", "library"),
    "/library/add": ("encoder", "library"),
    "/library/list": ("library",),
    "/library/held": ("library",),
    "/library/set": ("library",),
    "/library/remove": ("library",),
    "/library/banks": ("library",),
    "/library/bank": ("library",),
    "/library/changes": ("library",),
    "/library/near": ("library",),
    "/thresholds/list": ("library",),
    "/thresholds/add": ("library",),
    "/thresholds/set": ("library",),
    "/models/list": ("judge",),
    "/models/load": ("judge",),
    "/thresholds/effect": ("library", "ledger"),
    "/hash": ("encoder",),
    "/quality": ("library", "ledger"),
    "/quality/reference": ("library",),
    **dict.fromkeys(_LEDGER, ("ledger",)),
}
"""Endpoints that need only some rooms, in order. The Flow's graph would send them on to all, and
its `when` filter would drop their documents."""

EACH_REPLICA = frozenset({"/models/list", "/models/load"})
"""Endpoints of one room that all its replicas answer: what they change is in their memory."""

TAKES_PARAMETERS = {
    "/search": {"limit", "per_category"},
    "/library/add": {"dry_run"},
    "/library/list": {
        *("limit", "offset", "category", "polarity", "bank", "image", "sort", "after"),
    },
    "/library/set": {
        *("enabled", "bank", "category", "rule", "severity", "polarity", "note", "by", "why"),
    },
    "/library/remove": {"by", "why"},
    "/library/bank": {"enabled", "note", "by"},
    "/library/changes": {"limit", "offset"},
    "/library/near": {"limit", "copies"},
    "/decision": {"limit", "offset"},
}
"""Only the last room of an endpoint gets them: Jina keeps one batch queue for each different set of
parameters, so free ones would split the encoder's batches without bound."""

TAKES_ADS = frozenset(
    {REVIEW, "/embed", "/hash", "/rank", "/classify", "/search", "/library/add", "/library/held"}
)
