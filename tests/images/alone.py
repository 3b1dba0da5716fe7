"""One container, without any network but loopback: `python -m tests.images.alone < what.json`.

It starts the command, asks the health check until it passes, sends SIGTERM, and prints as JSON what
came of it. tests/images/test_entries.py runs it in a network namespace of its own.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass

import psutil

READY_S = 180.0
STOP_S = 60.0


@dataclass
class Outcome:
    """What became of one container."""

    healthy: bool
    said: str
    """By the last health check."""
    status: int
    """Of the process, ended by SIGTERM if it was healthy."""
    log: str
    user: int
    """That it ran as, by the kernel's word."""
    reaches_others: bool
    """Whether there was a network."""


def run(prefix: list[str], command: list[str], health: list[str]) -> Outcome:
    """Start, ask, stop. `prefix` is `Root.prefix`."""
    environment = {"PATH": os.environ["PATH"], "ADJUDICATE_ACCESS__MODE": "open"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*prefix, *command], stdout=log, stderr=subprocess.STDOUT, env=environment
        )
        healthy, said, user = False, "", -1
        until = time.monotonic() + READY_S
        while not healthy and process.poll() is None and time.monotonic() < until:
            asked = subprocess.run([*prefix, *health], capture_output=True, env=environment)
            healthy, said = asked.returncode == 0, asked.stdout.decode().strip()
            time.sleep(0.2)
        if process.poll() is None:
            (inside,) = psutil.Process(process.pid).children()
            user = inside.uids().effective
            inside.terminate() if healthy else inside.kill()
        status = process.wait(STOP_S)
        log.seek(0)
        told = log.read().decode(errors="replace")
    return Outcome(healthy, said, status, told, user, _reaches_others())


def _reaches_others() -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # of documentation: no packet is sent
    except OSError:
        return False
    return True


if __name__ == "__main__":
    print(json.dumps(asdict(run(**json.load(sys.stdin)))))
