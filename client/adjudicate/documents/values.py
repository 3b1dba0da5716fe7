"""What a field of a document may say, where it may not say anything."""

from typing import Literal

Outcome = Literal["approve", "reject", "escalate", "error"]
Signal = Literal["image", "text", "image-text", "hash", "term"]
Polarity = Literal["violation", "lookalike"]
ThresholdState = Literal["active", "shadow", "retired", "file"]
PersonsVerdict = Literal["upheld", "overturned"]
DriftState = Literal["unknown", "stable", "moderate", "major"]
Verdict = Literal["", "violation", "compliant", "invalid", "timeout", "unavailable"]
CanaryResult = Literal["ok", "busy", "failed", "timeout"]
ReplicaState = Literal["unknown", "healthy", "busy", "unhealthy"]
RestartReason = Literal["died", "unhealthy"]

MARKETS = ("CN", "US", "EU")
PRODUCTS = ("drug", "device", "food")
LANGUAGES = ("en", "zh")
RATIONALES = ("always", "violations", "never")
