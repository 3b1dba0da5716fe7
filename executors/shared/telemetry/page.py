"""docs/metrics.md: `python -m executors.shared.telemetry.page > docs/metrics.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from executors.shared.telemetry import catalogue as c
from executors.shared.telemetry.bounds import OneOf, Values
from executors.shared.telemetry.instruments import Histogram, Instrument
from executors.shared.telemetry.prometheus import label_name, sample_names

SECTIONS: Mapping[str, tuple[Instrument, ...]] = {
    "Requests and ads, at the gateway": (
        *(c.REQUESTS, c.REQUEST_SECONDS, c.ADS, c.ADS_IN_FLIGHT, c.ADS_WAITING),
    ),
    "Stages and batches": (
        *(c.STAGE_SECONDS, c.BATCH_SIZE, c.BATCH_WAIT, c.BATCH_SECONDS, c.QUEUE_DEPTH),
    ),
    "The screen, in the library's room": (
        *(c.SCREENED, c.FLAGGED, c.SIMILARITY, c.EXEMPLARS, c.LIBRARY_VERSION),
        *(c.SEARCH_SECONDS, c.SEARCH_AUDITED, c.SEARCH_RECALL),
    ),
    "The judge": (*(c.JUDGED, c.JUDGE_TOKENS, c.JUDGE_INVALID, c.BREAKER, c.CACHE_LOOKUPS),),
    "The ledger, and SQL": (c.RULED, c.SQL_SECONDS),
    "Models and versions": (c.MODEL_LOAD_SECONDS, c.VERSION),
    "Quality": (c.PSI, c.POSITIVE_RATE, c.SCREEN_MISS, c.AGREEMENT),
    "Health": (c.ROOM_HEALTHY, c.CANARIES, c.CANARY_SECONDS, c.ROOM_RESTARTS),
    "Process and machine, in every room": (
        *(c.PROCESS_CPU, c.PROCESS_MEMORY, c.PROCESS_FILES, c.DISK),
        *(c.GPU_UTILIZATION, c.GPU_MEMORY_USAGE, c.GPU_MEMORY_LIMIT, c.GPU_TEMPERATURE),
        c.EXPORT_FAILURES,
    ),
}

_HEAD = """\
# Metrics

Every process of the service has its metrics at `/metrics` of its monitor's port, for Prometheus,
and sends the same by OTLP where `ADJUDICATE_TELEMETRY__OTLP_ENDPOINT` names a receiver. The
gateway's port is 51100, the encoder's 51101, the library's 51102, the judge's 51103, the ledger's
51104; a second replica of a room has its room's port plus ten, and so on.

    curl http://localhost:51100/metrics

| setting | default | |
|---|---|---|
| `ADJUDICATE_TELEMETRY__METRICS` | `true` | whether anything is counted |
| `ADJUDICATE_TELEMETRY__METRICS_PORT` | `51100` | the gateway's; the others follow. `0`: no ports |
| `ADJUDICATE_TELEMETRY__METRICS_HOST` | `127.0.0.1` | what they bind to; in a container `0.0.0.0` |
| `ADJUDICATE_TELEMETRY__METRICS_INTERVAL_S` | `30` | seconds between two exports by OTLP |
| `ADJUDICATE_TELEMETRY__METRICS_TARGETS` | none | a file of all the ports, for Prometheus |

Prometheus finds every process by itself, replicas too, with that file:

    scrape_configs:
      - job_name: adjudicate
        file_sd_configs: [{ files: [/var/lib/adjudicate/targets.json] }]

The file gives each its labels `job` (`adjudicate/adjudicate-encoder`) and `instance`
(`encoder/0`), as OpenTelemetry's metrics have them in Prometheus.

How they are to be read:

- The ports take no key. They tell numbers and names of rules, models and versions, and never what
  an ad holds. Bind them to a network that strangers cannot reach.
- A port that is taken is a warning in the log, and the room goes on without it.
- Names are those of OpenTelemetry's conventions where it has one, else `adjudicate.…`. Prometheus
  has them with `_` for `.`, the unit behind (`_seconds`, `_bytes`, `_celsius`; nothing for a plain
  number), and `_total` behind a counter.
- Histograms carry exemplars: the trace of the latest ad in each bucket, where traces are recorded
  and that one was sampled. Prometheus asks for them by itself (OpenMetrics), and keeps them with
  `--enable-feature=exemplar-storage`.
- No label takes more values than stand here, whatever clients send: a value that is not listed, or
  that comes when the stated number is reached, counts as `other`. `series` is how many combinations
  that makes at most in one process; a histogram has its buckets for each.
- Canaries and probes are no ads: they count under *Health* and as items of batches, nowhere else.
- The metrics of GPUs come from NVML, and are not there without its driver. Every process shows all
  cards of its machine.

This page is made from the code by `python -m executors.shared.telemetry.page > docs/metrics.md`; a
test keeps it equal.
"""

_MANY = 12
"""Values that stand in a row of the table; of more only the number does."""


def page() -> str:
    """The page, as Markdown."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for title, instruments in SECTIONS.items():
        yield f"## {title}\n"
        yield "| metric | kind | labels | series | |"
        yield "|---|---|---|---|---|"
        yield from map(_row, instruments)
        yield ""


def _row(instrument: Instrument) -> str:
    names = sample_names(instrument)
    name = names[0].removesuffix("_bucket") if isinstance(instrument, Histogram) else names[0]
    kind = type(instrument).__name__.lower()
    labels = [
        f"`{label_name(key)}` {_said(values)}" for key, values in instrument.attributes.items()
    ]
    other = (
        ""
        if label_name(instrument.name) == name.removesuffix("_total")
        else (f" By OTLP `{instrument.name}`.")
    )
    return (
        f"| `{name}` | {kind} | {'; '.join(labels)} | {instrument.most_series:,} "
        f"| {instrument.description}{other} |"
    )


def _said(values: Values) -> str:
    if not isinstance(values, OneOf):
        return f"({values.most} at most)"
    if len(values.values) > _MANY:
        return f"({len(values.values)} known)"
    return ", ".join(sorted(values.values))


if __name__ == "__main__":
    print(page(), end="")
