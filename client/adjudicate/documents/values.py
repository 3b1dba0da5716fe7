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
Role = Literal["client", "auditor", "reviewer", "lead", "admin"]
CaseKind = Literal["escalation", "audit_sample", "appeal"]
CaseStage = Literal["first", "second", "lead"]
CaseState = Literal["open", "settled"]
CaseAnswer = Literal["violation", "compliant", "skip"]
RulingSource = Literal["review", "lead", "appeal", "propagation"]
AppealState = Literal["open", "upheld", "overturned"]
DeliveryState = Literal["pending", "delivered", "dead"]
PropagationSkip = Literal["claimed", "appealed", "audit_sample", "other_stage", "ruled", "differs"]

MARKETS = ("CN", "US", "EU")
PRODUCTS = ("drug", "device", "food")
LANGUAGES = ("en", "zh")
RATIONALES = ("always", "violations", "never")
