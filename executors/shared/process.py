"""Signals of a room's process."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_supervisor() -> None:
    """On Linux, have the kernel send SIGTERM here when the parent dies.

    So even a killed supervisor leaves no process behind. A room that runs alone, in a container
    or a test, has no supervisor.
    """
    if multiprocessing.parent_process() is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
