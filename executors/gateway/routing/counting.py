"""The decisions that leave the gateway, counted where they stand packed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from jina.types.request.data import DataRequest
from opentelemetry import trace

from executors.gateway.routing.pictures import documents
from executors.gateway.routing.times import OWN
from executors.gateway.telemetry.asked import ASKED
from executors.shared.telemetry.catalogue import ADS, OK, STAGE_SECONDS
from executors.shared.telemetry.instruments import Recording

_ATTRIBUTES = [(stage, {"stage": stage}) for stage in OWN]
"""The ledger records the other stages."""


def count_decided(decisions: DataRequest) -> None:
    """Count a request's decisions by outcome, and their times. What the gateway asks on its own,
    such as a canary, does not count."""
    asked = ASKED.get()
    if asked is None or not Recording.on:
        return
    span = trace.get_current_span().get_span_context()
    found: Counter[tuple[str, str]] = Counter()
    for decision in documents(decisions):
        data = decision.data
        outcome = data["outcome"].text
        found[outcome, _code(data) if outcome == "error" else OK] += 1
        timings = data["timings"].dict.data
        for stage, attributes in _ATTRIBUTES:
            if stage in timings:
                STAGE_SECONDS.record(timings[stage].float / 1_000, attributes, span)
    for (outcome, code), ads in found.items():
        ADS.add(ads, {"protocol": asked.protocol, "outcome": outcome, "code": code})


def _code(decision: Any) -> str:
    """What is wrong with the ad: the first reason of an error."""
    reasons = decision["reasons"].list.data
    return reasons[0].text if reasons else ""
