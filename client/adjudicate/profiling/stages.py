"""One review's time taken apart: what the client's clock and the decision's timings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ROOMS = ("encoder", "library", "judge", "ledger")
GATEWAY = "gateway"

PARTS: Mapping[str, Mapping[str, str]] = {
    "network": {"network": "client, network, protocol"},
    GATEWAY: {
        "gateway.own": "routing, the queue at the door",
        **{f"gateway.{room}": f"to the {room} and back" for room in ROOMS},
    },
    "encoder": {
        "encoder.decode": "decoding pictures",
        "encoder.wait": "waiting for a batch",
        "encoder.model": "model",
        "encoder.rest": "the others of the request",
    },
    "library": {"library.rest": "search, thresholds, terms"},
    "judge": {
        "judge.wait": "waiting for a batch",
        "judge.model": "model",
        "judge.rest": "picture, prompt, cache",
    },
    "ledger": {"ledger.rest": "deciding and recording"},
}
"""By stage, in the order of a request's way: its parts, and what each of them is."""


@dataclass(frozen=True)
class Split:
    """One ad's milliseconds by part; none is negative, and together they are `total`."""

    total: float
    parts: Mapping[str, float]

    def stage(self, name: str) -> float:
        """What all parts of a stage took."""
        return sum(self.parts[part] for part in PARTS[name])


def split(total: float, timings: Mapping[str, float]) -> Split:
    """Take apart the `total` milliseconds that the client waited for a decision.

    `timings` are the decision's. What its service does not account for is the network's: the way
    there and back, and what client and gateway do to pack and read the messages.
    """
    served = {name: timings.get(name, 0.0) for name in (*ROOMS, GATEWAY)}
    parts = {"network": max(0.0, total - sum(served.values()))}
    for stage in (GATEWAY, *ROOMS):
        # Of the decision's own parts; the last, or the first of the gateway, is what they leave.
        rest = "gateway.own" if stage == GATEWAY else f"{stage}.rest"
        left = served[stage]
        for part in PARTS[stage]:
            if part != rest:
                parts[part] = min(left, max(0.0, timings.get(part, 0.0)))
                left -= parts[part]
        parts[rest] = left
    return Split(sum(parts.values()), parts)
