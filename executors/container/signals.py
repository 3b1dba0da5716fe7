"""How a container's process is stopped while it has nothing in flight."""

from __future__ import annotations

import os
import signal
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT)


def stop_at_once() -> None:
    """Have a signal end this process with status 0, whatever it is loading.

    The first process of a container is deaf to signals that it has no handler for, and an event
    loop hears them only when it turns, which it does not while a model loads for minutes.
    """
    for signum in STOPS:
        signal.signal(signum, _stop)


def stop_as_usual() -> None:
    """Have the signals do again what they do in any Python program."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop(signum: int, frame: FrameType | None) -> None:
    os._exit(0)
