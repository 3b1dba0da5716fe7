"""Sections of how the service runs and is watched."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from executors.shared.settings.section import OptionalPath, Section, paired

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class SupervisorSettings(Section):
    backoff_s: float = Field(1.0, gt=0)
    """Wait before the first restart of a room; it doubles with each death in a row."""
    backoff_max_s: float = Field(60.0, gt=0)
    healthy_after_s: float = Field(60.0, gt=0)
    """A room that lived this long starts again from the first wait."""
    drain_s: float = Field(30.0, ge=0)
    """How long a stop waits for what is in flight."""


class TelemetrySettings(Section):
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
    metrics_targets: OptionalPath = None
    """A file that the supervisor writes for Prometheus' `file_sd_configs`: where each process has
    its metrics. None: no file."""
    report_interval_s: float = Field(5.0, ge=0, le=300)
    """Between two readings of process and machine, which `adjudicate report` looks back on for a
    day; 0: none."""
    log_level: LogLevel = "INFO"
    log_levels: Annotated[dict[str, LogLevel], NoDecode, BeforeValidator(paired)] = Field({})
    """Of single loggers and those below them: `executors.library=DEBUG`, with commas between."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto`: console in a terminal, else one JSON object a line."""


class HealthSettings(Section):
    """The deep check: a canary through every room. See docs/health.md."""

    canary_s: float = Field(30.0, ge=0)
    """Between two canaries; 0: none."""
    canary_timeout_s: float = Field(10.0, gt=0)
    canary_failures: int = Field(3, ge=1)
    """In a row, after which the room is restarted."""
    ready_s: float = Field(900.0, gt=0)
    """How long a room may take to load before it is restarted."""
    board: OptionalPath = None
    """The folder where gateway and supervisor tell each other; the supervisor sets it itself."""


class QualitySettings(Section):
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
