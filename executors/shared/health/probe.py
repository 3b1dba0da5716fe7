"""`python -m executors.shared.health.probe ROOM`: a container's health check.

It asks the process beside it as a kubelet would, and needs no curl. It reads its one variable by
itself: loading the settings would cost more than the question, every few seconds.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
from collections.abc import Sequence

from executors.shared.telemetry.ports import ROOMS, port_of

PORT = "ADJUDICATE_TELEMETRY__METRICS_PORT"
DEFAULT_PORT = 51100
"""Of the setting; a test keeps them equal."""
PROBES = ("live", "ready", "deep")


def ask(port: int, probe: str, timeout_s: float) -> tuple[bool, str]:
    """Whether the process on this port says that it is well, and what it says, in one line.

    Loopback is asked: a monitor that listens on every address listens there too.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", f"/health/{probe}")
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return False, f"nothing answers on port {port}: {error}"
    finally:
        connection.close()
    return answer.status == http.client.OK, said


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when well, 1 when not, as Docker's HEALTHCHECK has it."""
    parser = argparse.ArgumentParser(prog="probe", description="Whether a room here is well.")
    parser.add_argument("room", choices=ROOMS)
    parser.add_argument("--probe", choices=PROBES, default="ready")
    parser.add_argument("--timeout", type=float, default=5.0, metavar="SECONDS")
    asked = parser.parse_args(arguments)
    base = os.environ.get(PORT) or str(DEFAULT_PORT)
    if not base.isdecimal() or base == "0":
        print(f"{PORT} is {base}: there is no monitor to ask")
        return 1
    well, said = ask(port_of(int(base), asked.room, 0), asked.probe, asked.timeout)
    print(said)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
