"""The form of a collector's configuration, as far as compose/otelcol.yml goes.

The collector's own check, `otelcol validate`, takes its binary. These are the fields named in the
READMEs of its components: receiver/otlp, processor/memorylimiter, processor/batch and exporter/otlp
of the collector's repository, exporter/prometheus of its contrib repository.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Signal = Literal["traces", "metrics", "logs"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GrpcServer(_Strict):
    endpoint: str = Field(pattern=r"^[\w.]+:\d+$")


class Protocols(_Strict):
    grpc: GrpcServer


class OtlpReceiver(_Strict):
    protocols: Protocols


class MemoryLimiter(_Strict):
    check_interval: str = Field(pattern=r"^\d+m?s$")
    limit_mib: int = Field(gt=0)
    spike_limit_mib: int = Field(gt=0)

    @model_validator(mode="after")
    def spike_is_below_limit(self) -> MemoryLimiter:
        if self.spike_limit_mib >= self.limit_mib:
            raise ValueError("spike_limit_mib must be below limit_mib")
        return self


class Batch(_Strict):
    """With its defaults."""


class ClientTls(_Strict):
    insecure: bool


class OtlpGrpcExporter(_Strict):
    endpoint: str = Field(pattern=r"^[\w.-]+:\d+$")
    tls: ClientTls


class PrometheusExporter(_Strict):
    endpoint: str = Field(pattern=r"^[\w.]+:\d+$")
    enable_open_metrics: bool = False


FORMS: dict[str, dict[str, type[_Strict]]] = {
    "receivers": {"otlp": OtlpReceiver},
    "processors": {"memory_limiter": MemoryLimiter, "batch": Batch},
    "exporters": {"otlp_grpc": OtlpGrpcExporter, "prometheus": PrometheusExporter},
}


class Pipeline(_Strict):
    receivers: list[str] = Field(min_length=1)
    processors: list[str] = []
    exporters: list[str] = Field(min_length=1)


class Service(_Strict):
    pipelines: dict[Signal, Pipeline]


class Configuration(_Strict):
    """The whole file: every component known, of its form, and used."""

    receivers: dict[str, dict[str, Any]]
    processors: dict[str, dict[str, Any]]
    exporters: dict[str, dict[str, Any]]
    service: Service

    @model_validator(mode="after")
    def components_are_known_and_used(self) -> Configuration:
        for kind, forms in FORMS.items():
            defined: dict[str, dict[str, Any]] = getattr(self, kind)
            for name, content in defined.items():
                form = forms.get(name.partition("/")[0])
                if form is None:
                    raise ValueError(f"{kind} has no {name}")
                form.model_validate(content)
            used = {
                name for pipe in self.service.pipelines.values() for name in getattr(pipe, kind)
            }
            if used != set(defined):
                raise ValueError(f"{kind}: defined {sorted(defined)}, used {sorted(used)}")
        return self
