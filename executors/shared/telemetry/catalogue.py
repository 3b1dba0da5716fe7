"""Every metric of the service. docs/metrics.md is written from this list."""

from __future__ import annotations

from adjudicate.errors import STATUS
from executors.shared.telemetry.instruments import AtMost, Counter, Gauge, Histogram, OneOf

SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
COSINES = tuple(round(0.05 * step, 2) for step in range(1, 21))

OK = "ok"
"""The `code` of what went well."""

_PROTOCOL = OneOf("grpc", "http", "ws", "gateway")
"""`gateway`: somebody inside the gateway asks."""
_OUTCOME = OneOf("approve", "reject", "escalate", "error")
_CODE = OneOf(OK, *(code.value for code in STATUS))
_ROOM = OneOf("gateway", "encoder", "library", "judge", "ledger")
_ENDPOINT = AtMost(40)
"""The gateway counts only those that it knows, so strangers cannot fill this."""
_RULE = AtMost(100)
_QUEUE = AtMost(8)
_STAGE = AtMost(40)

REQUESTS = Counter(
    "adjudicate.requests",
    "{request}",
    "Requests answered; `code` is ok or the error's. `endpoint` is `none` for what was refused "
    "before it came to one, `unknown` for one that there is not.",
    {"protocol": _PROTOCOL, "endpoint": _ENDPOINT, "code": _CODE},
)
REQUEST_SECONDS = Histogram(
    "adjudicate.request.duration",
    "s",
    "From a request's arrival at the gateway to its answer.",
    {"protocol": _PROTOCOL, "endpoint": _ENDPOINT},
    SECONDS,
)
ADS = Counter(
    "adjudicate.ads",
    "{ad}",
    "Ads decided, as the gateway answers them; `code` is ok, or that of the ad's problem.",
    {"protocol": _PROTOCOL, "outcome": _OUTCOME, "code": _CODE},
)
ADS_IN_FLIGHT = Gauge("adjudicate.ads.in_flight", "{ad}", "Ads that the gateway works on.")
ADS_WAITING = Gauge("adjudicate.ads.waiting", "{ad}", "Ads that wait for a place at the gateway.")
RULED = Counter(
    "adjudicate.ads.ruled",
    "{ad}",
    "Ads rejected or escalated, by the rule that they break; `none`: for another reason.",
    {"rule": _RULE, "outcome": _OUTCOME},
)
FLAGGED = Counter(
    "adjudicate.ads.flagged",
    "{ad}",
    "Ads that a signal of the screen flagged; one ad may have several. `hash`: a copy of a known "
    "violation, which needs no judge; `audit`: the sample, which no signal flagged.",
    {"signal": OneOf("image", "text", "image-text", "hash", "term", "audit")},
)
SCREENED = Counter("adjudicate.ads.screened", "{ad}", "Ads that the library screened.")
JUDGED = Counter(
    "adjudicate.ads.judged",
    "{ad}",
    "Ads that the judge answered; `cached`: from a verdict given before.",
    {
        "verdict": OneOf("violation", "compliant", "invalid", "unavailable", "timeout"),
        "cached": OneOf("true", "false"),
    },
)
STAGE_SECONDS = Histogram(
    "adjudicate.stage.duration",
    "s",
    "An ad's time in each stage, those of its decision's `timings`.",
    {"stage": _STAGE},
    SECONDS,
)
BATCH_SIZE = Histogram(
    "adjudicate.batch.size", "{item}", "Items in one batch.", {"queue": _QUEUE}, SIZES
)
BATCH_WAIT = Histogram(
    "adjudicate.batch.wait", "s", "An item's wait for its batch.", {"queue": _QUEUE}, SECONDS
)
BATCH_SECONDS = Histogram(
    "adjudicate.batch.duration", "s", "One batch at work.", {"queue": _QUEUE}, SECONDS
)
QUEUE_DEPTH = Gauge(
    "adjudicate.queue.depth", "{item}", "Items that wait for a batch.", {"queue": _QUEUE}
)
JUDGE_TOKENS = Histogram(
    "gen_ai.client.token.usage",
    "{token}",
    "Tokens of one judged ad (OpenTelemetry's generative AI conventions).",
    {
        "gen_ai.operation.name": OneOf("chat"),
        "gen_ai.provider.name": OneOf("transformers", "openai"),
        "gen_ai.token.type": OneOf("input", "output"),
        "gen_ai.request.model": AtMost(8),
    },
    (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536),
)
JUDGE_INVALID = Counter(
    "adjudicate.judge.invalid",
    "{answer}",
    "Answers of the judge that could not be used.",
    {"reason": AtMost(12)},
)
BREAKER = Gauge(
    "adjudicate.judge.breaker",
    "1",
    "The circuit breaker before the judge's server: 0 closed, 1 half open, 2 open.",
)
CACHE_LOOKUPS = Counter(
    "adjudicate.cache.lookups",
    "{lookup}",
    "Look-ups in a cache.",
    {"cache": AtMost(6), "result": OneOf("hit", "miss", "error")},
)
MODEL_LOAD_SECONDS = Gauge(
    "adjudicate.model.load.duration",
    "s",
    "How long a model took to load.",
    {"model": AtMost(8)},
)
VERSION = Gauge(
    "adjudicate.version",
    "1",
    "1 for each version in force in this room.",
    {"kind": AtMost(12), "version": AtMost(64)},
)
EXEMPLARS = Gauge(
    "adjudicate.library.exemplars",
    "{exemplar}",
    "Exemplars in force, violations and look-alikes.",
    {"polarity": OneOf("violation", "lookalike")},
)
LIBRARY_VERSION = Gauge("adjudicate.library.version", "1", "The library's version, which grows.")
SEARCH_SECONDS = Histogram(
    "adjudicate.search.duration",
    "s",
    "One search of a batch of ads in the index.",
    {"index": OneOf("exact", "ivf", "qdrant")},
    SECONDS,
)
SEARCH_AUDITED = Counter(
    "adjudicate.search.audited",
    "{hit}",
    "Hits of searches that were repeated exactly, and whether the index had found them.",
    {"result": OneOf("found", "missed")},
)
SEARCH_RECALL = Gauge(
    "adjudicate.search.recall", "1", "Share of the audited hits that the index found."
)
SIMILARITY = Histogram(
    "adjudicate.screen.similarity",
    "1",
    "A sampled ad's highest similarity to a known violation, by signal.",
    {"signal": OneOf("image", "text", "image-text")},
    COSINES,
)
SQL_SECONDS = Histogram(
    "db.client.operation.duration",
    "s",
    "One SQL statement (OpenTelemetry's database conventions).",
    {
        "db.system.name": OneOf("sqlite", "postgresql"),
        "db.operation.name": OneOf("SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT"),
    },
    SECONDS,
)
GPU_UTILIZATION = Gauge(
    "hw.gpu.utilization", "1", "Share of the time that the GPU was busy.", {"hw.id": AtMost(17)}
)
GPU_MEMORY_USAGE = Gauge(
    "hw.gpu.memory.usage", "By", "Memory of the GPU in use.", {"hw.id": AtMost(17)}
)
GPU_MEMORY_LIMIT = Gauge("hw.gpu.memory.limit", "By", "Memory of the GPU.", {"hw.id": AtMost(17)})
GPU_TEMPERATURE = Gauge("hw.temperature", "Cel", "Of the GPU.", {"hw.id": AtMost(17)})
PROCESS_CPU = Gauge("process.cpu.utilization", "1", "CPU of this process; 1 is one core.", {})
PROCESS_MEMORY = Gauge("process.memory.usage", "By", "Resident memory of this process.")
PROCESS_FILES = Gauge(
    "process.open_file_descriptor.count", "{file_descriptor}", "Open files of this process."
)
DISK = Gauge(
    "system.filesystem.usage",
    "By",
    "The disk of the database and of what is kept beside it.",
    {"system.filesystem.state": OneOf("used", "free")},
)
ROOM_HEALTHY = Gauge(
    "adjudicate.room.healthy",
    "1",
    "1 if a room answered its last canary, else 0; from the gateway.",
    {"room": _ROOM},
)
CANARIES = Counter(
    "adjudicate.canaries",
    "{canary}",
    "Canaries sent through each room.",
    {"room": _ROOM, "result": OneOf(OK, "busy", "failed", "timeout")},
)
CANARY_SECONDS = Histogram(
    "adjudicate.canary.duration", "s", "A canary's way through a room.", {"room": _ROOM}, SECONDS
)
ROOM_RESTARTS = Gauge(
    "adjudicate.room.restarts",
    "{restart}",
    "Restarts of a room by the supervisor since the service started.",
    {"room": _ROOM, "reason": OneOf("died", "unhealthy")},
)
EXPORT_FAILURES = Counter(
    "adjudicate.telemetry.export.failures",
    "{export}",
    "Exports to the collector that failed, and what they would have carried is lost.",
    {"signal": OneOf("traces", "metrics")},
)
PSI = Gauge(
    "adjudicate.quality.psi",
    "1",
    "Population stability index of the recent ads against the reference window.",
    {"feature": OneOf("image", "text", "image-text", "embedding.image", "embedding.text")},
)
POSITIVE_RATE = Gauge(
    "adjudicate.quality.judge_positive_rate",
    "1",
    "Share of the judged ads that the judge found to break a rule, by rule; `all`: any.",
    {"rule": _RULE},
)
SCREEN_MISS = Gauge(
    "adjudicate.quality.screen_miss_rate",
    "1",
    "Share of the ads that passed the screen although they break a rule, from the audit sample.",
    {"bound": OneOf("estimate", "low", "high")},
)
AGREEMENT = Gauge(
    "adjudicate.quality.reviewer_agreement",
    "1",
    "Share of the reviewed decisions that the reviewers upheld.",
    {"bound": OneOf("estimate", "low", "high")},
)
