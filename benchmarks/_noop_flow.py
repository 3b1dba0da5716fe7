"""The whole Flow without model time: gateway, library and ledger are the real ones.

The graph is that of flow.yml, with no-op rooms in the places of encoder and judge. It starts in
seconds and serves the three protocols, so tests of the gateway can use it too:

    with NoopFlow(folder, {"ADJUDICATE_GATEWAY__MAX_ADS": "10"}) as flow:
        Client(flow.urls["grpc"]).review(ad(image))
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import yaml

from adjudicate import Ad, Client, Exemplar
from benchmarks._noop_settings import FLAGGED
from benchmarks._servers import MONITORS, Server, free_ports, free_range, healthy, wait_for
from executors.shared.settings import ROOT

EXEMPLARS = 64
_NOOP = {"encoder": "NoopEncoder", "judge": "NoopJudge"}
THRESHOLDS = "default: { image: 0.8, text: 1.0, image-text: 1.0 }\n"


class NoopFlow:
    """Entering starts it and fills its library, leaving ends it. `urls` by protocol."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """`settings` are added to its environment, `ADJUDICATE_…` and `NOOP_…`."""
        ports = dict(zip(("grpc", "http", "ws"), free_ports(3), strict=True))
        self.urls = {scheme: f"{scheme}://localhost:{port}" for scheme, port in ports.items()}
        thresholds = folder / "thresholds.yaml"
        thresholds.write_text(THRESHOLDS)
        environment = {
            "ADJUDICATE_DATABASE": f"sqlite:///{folder / 'noop.db'}",
            "ADJUDICATE_LIBRARY__THRESHOLDS": str(thresholds),
            "ADJUDICATE_ACCESS__MODE": "open",
            # Which ads go to the judge is for the ads to say.
            "ADJUDICATE_LIBRARY__AUDIT_SHARE": "0",
            "ADJUDICATE_GATEWAY__GRPC_PORT": str(ports["grpc"]),
            "ADJUDICATE_GATEWAY__HTTP_PORT": str(ports["http"]),
            "ADJUDICATE_GATEWAY__WEBSOCKET_PORT": str(ports["ws"]),
            "ADJUDICATE_TELEMETRY__METRICS_PORT": str(free_range(MONITORS)),
            **(settings or {}),
        }
        command = ("adjudicate", "up", "--flow", str(write_flow(folder)))
        self.server = Server(command, environment, folder / "noop.log")

    def __enter__(self) -> NoopFlow:
        self.server.__enter__()
        try:
            wait_for(self.server, lambda: healthy(self.urls["http"]))
            with Client(self.urls["grpc"]) as client:
                held = client.library.add([*exemplars()])
            problems = [exemplar.problem for exemplar in held if exemplar.problem]
            if problems:
                raise RuntimeError(f"the exemplars were not taken: {problems[0]}")
        except BaseException:
            self.server.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.server.__exit__(kind, error, traceback)


def ad(image: bytes, *, flagged: bool = False, text: str = "Apples from the Wachau, 1 kg") -> Ad:
    """An ad that the judge sees, or does not."""
    return Ad(image=image, text=text, advertiser=FLAGGED if flagged else "")


def exemplars() -> list[Exemplar]:
    """A small library: one that flagged ads resemble, and others that nothing does."""
    return [
        Exemplar(
            image=b"picture %d" % number,
            category="cure",
            rule="US-FTC",
            note="" if number else FLAGGED,
        )
        for number in range(EXEMPLARS)
    ]


def write_flow(folder: Path, real: str = "") -> Path:
    """flow.yml with the no-op rooms, as a file in `folder`; `real`: one that is itself."""
    flow = yaml.safe_load((ROOT / "flow.yml").read_text(encoding="utf-8"))
    flow["gateway"]["uses"] = str(ROOT / flow["gateway"]["uses"])
    for room in flow["executors"]:
        name = room["name"]
        stands_in = name in _NOOP and name != real
        room["uses"] = _NOOP[name] if stands_in else str(ROOT / room["uses"])
        if stands_in:
            room["py_modules"] = [f"benchmarks._noop_{name}"]
    path = folder / "flow.yml"
    path.write_text(yaml.safe_dump(flow, sort_keys=False))
    return path
