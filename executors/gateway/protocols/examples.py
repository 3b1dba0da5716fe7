"""Examples of the contract, as OpenAPI shows them. A test holds them to their schemas."""

from __future__ import annotations

from typing import Any

Example = dict[str, Any]

AD: Example = {"id": "ad-35", "text": "Cures diabetes in 7 days", "market": "US"}

EXEMPLAR: Example = {
    "text": "Melts fat while you sleep",
    "category": "weight-loss",
    "rule": "US-FTC",
    "severity": "high",
    "note": "from the regulator's list",
}

THRESHOLDS: Example = {
    "encoder_version": "clip-3f2a9c11",
    "state": "shadow",
    "content": {"image": {"cure": 0.77}, "default": {"image": 0.86, "text": 0.62}},
    "note": "calibrated on 4,000 labelled ads",
}

PROBLEM: Example = {
    "type": "urn:adjudicate:problem:too_many_ads",
    "title": "The request has too many ads.",
    "status": 413,
    "detail": "1,200 ads in one request; the limit is 1,000. Send them in several requests.",
    "code": "too_many_ads",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}

DECISION: Example = {
    "id": "9f3b7d6a4c1e4b0f8a52c7d913e06b7d",
    "ad_id": "ad-35",
    "outcome": "reject",
    "reasons": ["judged_violation"],
    "rule": "US-FTC",
    "confidence": 0.98,
    "matches": [
        {
            "exemplar_id": "cure-07",
            "category": "cure",
            "rule": "US-FTC",
            "polarity": "violation",
            "severity": "high",
            "similarity": 0.93,
            "signal": "text",
            "threshold": 0.84,
            "matched": "",
        }
    ],
    "findings": [
        {
            "rule": "US-FTC",
            "claim": "Cures diabetes in 7 days",
            "rationale": "Promises to cure a disease.",
            "verdict": "violation",
            "probability": 0.98,
        }
    ],
    "problem": None,
    "judged": True,
    "flagged": True,
    "shadow_flagged": None,
    "audit": False,
    "versions": {"encoder": "clip-3f2a9c11", "judge": "judge-70c1", "policy": "2b1d"},
    "cached": False,
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "timings": {"encoder": 21.4, "library": 1.3, "judge": 412.0},
    "decided_at": "2026-03-01T09:30:00.125+00:00",
    "ruling": None,
}
