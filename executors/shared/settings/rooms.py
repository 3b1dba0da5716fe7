"""Sections of the rooms, one each."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from executors.shared.settings.section import ROOT, Section

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Compile = Literal["none", "compile", "cudagraphs"]
Backend = Literal["torch", "onnx"]
Rationale = Literal["always", "violations", "never"]


class EncoderSettings(Section):
    model: str = str(ROOT / "models" / "clip")
    """A local folder in open_clip's layout, or an open_clip architecture name."""
    pretrained: str = ""
    """The open_clip pretrained tag that goes with an architecture name."""
    backend: Backend = "torch"
    onnx: Path | None = None
    """With `backend` onnx: the folder that `adjudicate encoder export-onnx` wrote."""
    device: str = "auto"
    precision: Precision = "auto"
    threads: int = Field(1, ge=1)
    """Model threads."""
    decode_threads: int | None = Field(None, ge=1)
    """Beside the model's. None: half of the cores, 8 at most; one keeps up with a model thread."""
    decode_side: int | None = Field(None, ge=0)
    """A JPEG is decoded at the smallest scale that leaves its sides this many pixels; 0: in full.
    None: what keeps the model's embeddings the same, for most 1.5 times what it sees."""
    compile: Compile = "none"
    """On a GPU: `torch.compile`, or captured CUDA graphs."""
    max_batch: int | None = Field(None, ge=1)
    """Pictures in one pass, where the memory holds them. None: 32 on a CPU, 256 on a GPU."""
    max_wait_ms: float = Field(50.0, ge=0)
    """How long a picture waits for others, as long as some are being decoded."""
    memory_share: float = Field(0.8, gt=0, le=1)
    """Of the device's memory, for weights and passes together; on a CPU of what is available."""


class LibrarySettings(Section):
    thresholds: Path = ROOT / "models" / "clip" / "thresholds.yaml"
    hash_distance: int = Field(31, ge=0, le=256)
    """Bits of 256 in which the PDQ hashes of a copy and of its exemplar may differ."""
    near_duplicate: float = Field(0.97, ge=0, le=1)
    """Cosine at which an ad is almost a known violation."""
    lookalike_margin: float = Field(0.02, gt=0, le=2)
    """Cosine by which a look-alike must be nearer than every violation to answer for the match."""
    terms: bool = True
    """Whether the policy's terms in an ad's copy flag it."""
    audit_share: float = Field(0.01, ge=0, le=1)
    audit_seed: int = 0
    max_matches: int = Field(5, ge=1)
    stale_wait_s: float = Field(5.0, ge=0)
    """How long an ad waits for an exemplar that its encoder has no embeddings of yet."""
    index: Literal["exact", "ivf", "qdrant"] = "exact"
    search_threads: int = Field(1, ge=1)
    search_precision: Precision = "auto"
    """Of the exact index's first scan; what it finds does not depend on it."""
    search_device: str = "auto"
    search_audit_share: float = Field(0.01, ge=0, le=1)
    """Share of the searches that an approximate index repeats exactly, to count what it missed."""
    ivf_probes: int = Field(16, ge=1)
    """Lists that a query looks into."""
    ivf_train_from: int = Field(50_000, ge=1)
    """Vectors below which the `ivf` index searches exactly."""
    qdrant_url: str = "http://localhost:6333"
    qdrant_api_key: SecretStr = SecretStr("")
    qdrant_collection: str = "adjudicate"
    """Prefix of the collections' names: services that share a server have one each."""
    qdrant_ef: int = Field(256, ge=1)
    """Breadth of Qdrant's search: larger misses less and takes longer."""
    qdrant_timeout_s: float = Field(5.0, gt=0)


class JudgeSettings(Section):
    backend: Literal["transformers", "openai"] = "transformers"
    """The model in this process, or any OpenAI-compatible server."""
    model: str = str(ROOT / "models" / "judge")
    """A name of `models`, a local folder, or a model name of the hub or of the server."""
    models: Path = ROOT / "models" / "models.yml"
    """The file that names models with source, revision, checksums and limits."""
    device: str = "auto"
    precision: Precision = "auto"
    quantization: Literal["none", "int8", "int4"] = "none"
    """Weights in fewer bits, where the library for it is installed."""
    attention: Literal["sdpa", "eager"] = "sdpa"
    threads: int = Field(1, ge=1)
    max_batch: int = Field(32, ge=1)
    """Ads in one pass, where the memory holds them."""
    max_wait_ms: float = Field(20.0, ge=0)
    memory_share: float = Field(0.8, gt=0, le=1)
    """Of the memory that is free when a batch is filled."""
    memory_bytes: int | None = Field(None, gt=0)
    """Never more than this for one batch, whatever is free."""
    timeout_s: float = Field(60.0, gt=0)
    """An ad that waited longer than this is escalated."""
    max_pixels: int = Field(1_003_520, gt=0)
    """A picture is scaled down to this before the judge sees it."""
    prompt: Literal["auto", "full", "compact"] = "auto"
    temperature: float | None = Field(None, gt=0)
    """Of the verdict's logit. None: the model's own, that of `models` or its judge_config.json."""
    max_new_tokens: int | None = Field(None, ge=1)
    """Of a written answer. None: as `temperature`."""
    rationale: Rationale = "violations"
    """Which ads get a written answer beside the verdict: claims quoted, and the rules they break.
    An ad may ask for another."""
    instruction: float = Field(0.5, ge=0, le=1)
    """Probability above which the judge counts as having seen text that addresses it."""
    url: str = ""
    """With `backend` openai: the server's base URL, such as `http://localhost:8000/v1`."""
    api_key: SecretStr = SecretStr("")
    concurrency: int = Field(16, ge=1)
    """Requests to the server at a time."""
    request_timeout_s: float = Field(30.0, gt=0)
    max_retries: int = Field(2, ge=0)
    breaker_failures: int = Field(5, ge=1)
    """Failures in a row that open the circuit breaker: ads are then escalated at once."""
    breaker_reset_s: float = Field(30.0, gt=0)
    """After which one request tries the server again."""
    cache_url: str = ""
    """Of the verdict cache: `redis://host:port/0`. Empty: in this process's memory."""
    cache_entries: int = Field(20_000, ge=0)
    """Verdicts kept in memory; 0 switches the cache off."""
    cache_ttl_s: float = Field(7 * 86_400.0, gt=0)


class DecisionSettings(Section):
    reject: float = Field(0.65, ge=0, le=1)
    """At or above this probability a violation rejects."""
    approve: float = Field(0.35, ge=0, le=1)
    """At or below this probability a compliant verdict approves."""
