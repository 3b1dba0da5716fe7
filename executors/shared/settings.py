"""All settings of the rooms: environment variables `ADJUDICATE_…`, read once at a room's door.

A section's name stands before a double underscore: `ADJUDICATE_ENCODER__PRECISION=fp32`.
What should stand in no environment is read from the files of a folder: `ADJUDICATE_SECRETS`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from adjudicate.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
"""The repository's root: where models/, policies/ and flow.yml stand."""

SECRETS = "ADJUDICATE_SECRETS"

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Compile = Literal["none", "compile", "cudagraphs"]
Backend = Literal["torch", "onnx"]
Rationale = Literal["always", "violations", "never"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: Any) -> Any:
    """`a,b` as an environment variable writes it; a JSON list too."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


def _paired(value: Any) -> Any:
    """`a=b,c=d` as an environment variable writes it; a JSON object too."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        return json.loads(value)
    pairs = (part.partition("=") for part in _listed(value))
    return {name.strip(): paired.strip() for name, _, paired in pairs}


class ImageLimits(_Section):
    """What is refused before it is decoded."""

    max_bytes: int = Field(20_000_000, gt=0)
    max_pixels: int = Field(50_000_000, gt=0)
    max_text: int = Field(10_000, gt=0)
    """Characters of an ad's copy."""


class GatewaySettings(_Section):
    grpc_port: int | None = Field(None, ge=1, le=65535)
    """Instead of the port in flow.yml; likewise the two below."""
    http_port: int | None = Field(None, ge=1, le=65535)
    websocket_port: int | None = Field(None, ge=1, le=65535)
    max_ads: int = Field(1_000, gt=0)
    """Ads in one request."""
    max_request_bytes: int = Field(256 * 1024 * 1024, gt=0)
    names_s: float = Field(2.0, ge=0)
    """How often the names of the rooms are looked up anew, where they are names: replicas that come
    and go behind one name are followed. 0: never; gRPC then stays with whom it found first."""
    batch_ads: int = Field(32, gt=0)
    """Ads that travel through the rooms in one message."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    """Of pages whose scripts may ask over HTTP and WebSocket: `https://desk.example`, with commas
    between; `*` for all."""


class AccessSettings(_Section):
    """Who may ask. See docs/access.md."""

    mode: Literal["required", "open"] = "required"
    """`open`: whoever reaches the ports may do everything, and the ports are on loopback only."""
    host: str = ""
    """The address that the three servers bind to. Empty: every one, or loopback with `open`."""
    docs: bool = False
    """Whether `/docs` and `/openapi.json` are shown without a key."""
    poll_s: float = Field(1.0, gt=0, le=60)
    """How often the keys are looked at: a revoked one is refused this soon."""
    jwt_secret: SecretStr = SecretStr("")
    """Of tokens signed with HS256 and the like."""
    jwt_keys: str = ""
    """Of tokens signed with a private key: a PEM or JWKS file, or the https URL of a JWKS."""
    jwt_algorithms: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    """Empty: HS256 with a secret; all that the public keys are good for with those."""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_leeway_s: float = Field(30.0, ge=0, le=300)
    """By how much the clocks may differ."""
    jwt_refresh_s: float = Field(3600.0, ge=60)
    """Age at which the keys of a URL or file are read again."""


_OptionalPath = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
"""An empty variable names no file."""


class TlsSettings(_Section):
    """TLS on all three protocols, when a certificate is named. PEM files."""

    certificate: _OptionalPath = None
    """With the chain up to, not including, the root."""
    key: _OptionalPath = None
    client_ca: _OptionalPath = None
    """Clients must then show a certificate that this authority signed."""


class LimitSettings(_Section):
    """How much one caller, and all together, may ask of the gateway. See docs/limits.md."""

    requests_per_minute: int | None = Field(None, gt=0)
    """Of one caller. None: as many as it likes; likewise the next."""
    ads_per_minute: int | None = Field(None, gt=0)
    rates_url: str = ""
    """A Redis that counts for all gateways: `redis://host:port/0`. Empty: each counts its own."""
    rates_timeout_s: float = Field(0.25, gt=0)
    """How long a request waits for that Redis before this process counts."""
    ads_in_flight: int = Field(4_000, gt=0)
    """Of all callers, in this gateway."""
    ads_in_flight_per_caller: int = Field(2_000, gt=0)
    ads_waiting: int = Field(2_000, ge=0)
    """Ads that wait for a place in flight; beyond that a request is refused at once."""
    wait_s: float = Field(10.0, ge=0)
    """How long they wait."""
    body_bytes: int = Field(512 * 1024 * 1024, gt=0)
    """Of all requests that are being read or answered; at least one of the largest fits."""
    connections: int = Field(1_000, gt=0)
    """Open at a time, on HTTP and on WebSocket; on gRPC calls at a time."""
    header_s: float = Field(10.0, gt=0)
    """For a request's headers, or a connection's handshake, to arrive."""
    body_s: float = Field(20.0, gt=0)
    """For a body to arrive, beside `body_rate`."""
    body_rate: int = Field(20_000, gt=0)
    """Bytes per second that a body must bring: each so many give it another second."""
    message_s: float = Field(60.0, gt=0)
    """For the message of a gRPC call to arrive, of which nothing can be seen before its end."""
    idle_s: float = Field(30.0, gt=0)
    """How long a connection without a request stays open. gRPC's and WebSocket's are asked."""
    ping_s: float = Field(20.0, gt=0)
    """How often a WebSocket or gRPC connection is asked whether the other side lives."""


class FetchSettings(_Section):
    """Pictures of ads that come as a URL. Off until hosts are listed. See docs/fetching.md."""

    hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    """`cdn.example.com`, or `*.example.com` for every name below it; with commas between."""
    ports: Annotated[tuple[int, ...], NoDecode, BeforeValidator(_listed)] = (443,)
    max_bytes: int | None = Field(None, gt=0)
    """Of one picture. None: `images.max_bytes`, above which it would be refused anyway."""
    timeout_s: float = Field(10.0, gt=0)
    """For one picture, from the name to the last byte, with all redirects."""
    connect_timeout_s: float = Field(3.0, gt=0)
    """For the name, the connection, and TLS, of these."""
    max_redirects: int = Field(3, ge=0, le=20)
    concurrency: int = Field(16, gt=0)
    """Pictures on their way at a time; further ones wait."""
    max_held_bytes: int = Field(512 * 1024 * 1024, gt=0)
    """Fetched pictures in memory, of all requests; half of it for one message through the rooms."""
    wait_s: float = Field(30.0, gt=0)
    """How long a message waits for room among those."""


class EncoderSettings(_Section):
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


class LibrarySettings(_Section):
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


class JudgeSettings(_Section):
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


class DecisionSettings(_Section):
    reject: float = Field(0.65, ge=0, le=1)
    """At or above this probability a violation rejects."""
    approve: float = Field(0.35, ge=0, le=1)
    """At or below this probability a compliant verdict approves."""


class SupervisorSettings(_Section):
    backoff_s: float = Field(1.0, gt=0)
    """Wait before the first restart of a room; it doubles with each death in a row."""
    backoff_max_s: float = Field(60.0, gt=0)
    healthy_after_s: float = Field(60.0, gt=0)
    """A room that lived this long starts again from the first wait."""
    drain_s: float = Field(30.0, ge=0)
    """How long a stop waits for what is in flight."""


class TelemetrySettings(_Section):
    """What others can see of the service. See docs/observability.md."""

    instance: str = ""
    """Of this process, as OpenTelemetry's `service.instance.id`. Empty: room and replica, such as
    `encoder/0`; in a container its host's name, which on Kubernetes is the pod's."""
    otlp_endpoint: str = ""
    """`host:port` or URL of an OTLP gRPC receiver, for traces and metrics. Empty: none."""
    otlp_headers: SecretStr = SecretStr("")
    """Sent with each export: `name=value`, with commas between."""
    otlp_insecure: bool = True
    """Without TLS. A URL with https is with it anyway."""
    otlp_timeout_s: float = Field(2.0, gt=0, le=30)
    """For one export."""
    close_s: float = Field(2.0, ge=0, le=10)
    """How long a stop waits for the last exports, in all."""
    traces: bool = True
    """Whether spans are made; they are exported where there is an endpoint."""
    sample_share: float = Field(1.0, ge=0, le=1)
    """Of the traces; by trace id, so every room keeps or drops the same ones."""
    metrics: bool = True
    metrics_port: int = Field(51100, ge=0, le=65000)
    """Of the gateway's monitor: `/metrics` and the probes. The rooms have the following ports,
    each further replica ten more. 0: none."""
    metrics_host: str = "127.0.0.1"
    metrics_interval_s: float = Field(30.0, gt=0)
    """Between two exports of metrics to the OTLP receiver."""
    metrics_targets: _OptionalPath = None
    """A file that the supervisor writes for Prometheus' `file_sd_configs`: where each process has
    its metrics. None: no file."""
    report_interval_s: float = Field(5.0, ge=0, le=300)
    """Between two readings of process and machine, which `adjudicate report` looks back on for a
    day; 0: none."""
    log_level: LogLevel = "INFO"
    log_levels: Annotated[dict[str, LogLevel], NoDecode, BeforeValidator(_paired)] = {}
    """Of single loggers and those below them: `executors.library=DEBUG`, with commas between."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto`: console in a terminal, else one JSON object a line."""


class HealthSettings(_Section):
    """The deep check: a canary through every room. See docs/health.md."""

    canary_s: float = Field(30.0, ge=0)
    """Between two canaries; 0: none."""
    canary_timeout_s: float = Field(10.0, gt=0)
    canary_failures: int = Field(3, ge=1)
    """In a row, after which the room is restarted."""
    ready_s: float = Field(900.0, gt=0)
    """How long a room may take to load before it is restarted."""
    board: _OptionalPath = None
    """The folder where gateway and supervisor tell each other; the supervisor sets it itself."""


class QualitySettings(_Section):
    """Quality over time: drift, the judge's positive rate, screen misses. See docs/quality.md."""

    sample_per_minute: int = Field(30, ge=0, le=1_000)
    """Ads whose similarities and embeddings are kept, of each replica of the library; 0: none."""
    most_samples: int = Field(50_000, ge=1_000)
    """Kept; the oldest go first."""
    window_h: float = Field(24.0, gt=0, le=8_784)
    """Hours up to now that the figures are of, where a request does not say."""
    least_ads: int = Field(200, ge=20)
    """Sampled ads, in the window and in a reference, below which nothing is said of drift."""
    confidence: float = Field(0.95, gt=0, lt=1)
    """Of the intervals."""
    refresh_s: float = Field(60.0, gt=0, le=300)
    """How often the sample is written and the metrics are computed."""


class Settings(BaseSettings):
    """Every section with its defaults."""

    model_config = SettingsConfigDict(
        env_prefix="ADJUDICATE_", env_nested_delimiter="__", extra="ignore", frozen=True
    )

    secrets: _OptionalPath = None
    """A folder with files that are named as variables, upper or lower case, and hold their values,
    such as `adjudicate_database`. A variable of the environment goes before its file."""
    policies: Path = ROOT / "policies"
    policy_poll_s: float = Field(2.0, ge=0)
    """How often the rooms look for a changed policy; 0: only at the start."""
    database: str = f"sqlite:///{ROOT / 'data' / 'adjudicate.db'}"
    """SQLAlchemy URL of exemplars and decisions."""
    images: ImageLimits = ImageLimits()
    gateway: GatewaySettings = GatewaySettings()
    limits: LimitSettings = LimitSettings()
    access: AccessSettings = AccessSettings()
    tls: TlsSettings = TlsSettings()
    fetch: FetchSettings = FetchSettings()
    encoder: EncoderSettings = EncoderSettings()
    library: LibrarySettings = LibrarySettings()
    judge: JudgeSettings = JudgeSettings()
    decision: DecisionSettings = DecisionSettings()
    supervisor: SupervisorSettings = SupervisorSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    health: HealthSettings = HealthSettings()
    quality: QualitySettings = QualitySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment, then the files of `ADJUDICATE_SECRETS`."""
        files = NestedSecretsSettingsSource(
            file_secret_settings, os.environ.get(SECRETS) or None, secrets_dir_missing="error"
        )
        return init_settings, env_settings, files


def load_settings() -> Settings:
    """The settings of this process.

    Raises `ConfigurationError` that names the variable, its value's fault, and nothing else.
    """
    try:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{SECRETS}: a file of it cannot be read: {error}.") from None
    except SettingsError as error:
        # Without a cause it is the folder that is wrong; else a whole section that is no JSON.
        where = "The settings" if error.__cause__ else SECRETS
        raise ConfigurationError(f"{where}: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = "ADJUDICATE_" + "__".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(f"{name}: {first['msg']}.") from None
