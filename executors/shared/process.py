"""How a process of the Flow ends: refused at its start, or with its supervisor."""

from __future__ import annotations

import ctypes
import gc
import logging
import multiprocessing
import os
import re
import signal
import sys
from typing import NoReturn

from executors.shared.settings import TelemetrySettings
from executors.shared.telemetry.logs import close_logs, logs_are_open, open_logs

logger = logging.getLogger(__name__)

EX_CONFIG = 78
"""sysexits.h: the exit status of a process that was configured wrongly."""

_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""Of glibc's mallopt(3)."""
_KEPT_BYTES, _PAD_BYTES, _LARGE_BYTES = 64 << 20, 16 << 20, 32 << 20


def replica_of(pod: str) -> int:
    """The number of a room's replica by the name that Jina gives to its pod: `encoder/rep-1`."""
    found = re.search(r"/rep-(\d+)$", pod)
    return int(found.group(1)) if found else 0


def refuse_start(name: str, reason: Exception) -> NoReturn:
    """Say the reason in one sentence and end with `EX_CONFIG`.

    Jina would print a stack and go on; the supervisor knows by the status that a restart would
    not help.
    """
    if not logs_are_open():
        open_logs(TelemetrySettings(), name)  # the settings themselves cannot be read
    logger.critical("%s", reason)
    close_logs()
    os._exit(EX_CONFIG)


def keep_what_is_loaded() -> None:
    """Take modules and models out of the garbage collector's sight.

    They live as long as the process; walking a million of their objects over and over does not.
    """
    gc.collect()
    gc.freeze()


def keep_freed_memory() -> None:
    """Have glibc keep up to 64 MiB that were freed, and take blocks of up to 32 MiB from them.

    A message of pictures is some megabytes, copied a few times on its way. To give each copy's
    pages back to the kernel and to have them cleared anew costs as much as the copying.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # other C libraries have none
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TOP_PAD, _PAD_BYTES)


def end_with_supervisor() -> None:
    """On Linux, have the kernel send SIGTERM here when the parent dies.

    So even a killed supervisor leaves no process behind. A room that runs alone, in a container
    or a test, has no supervisor.
    """
    if multiprocessing.parent_process() is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
