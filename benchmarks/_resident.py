"""Peak memory of a piece of work: what the kernel, or the GPU's allocator, saw."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(64 * 1024),
    "OMP_NUM_THREADS": "1",
}


def peak_bytes(device: torch.device, work: Callable[[], object]) -> int:
    """Bytes that `work` took at its peak beyond what was in use before it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = int(torch.cuda.memory_allocated(device))
        work()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - before
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak starts anew
    before = _status("VmRSS")
    work()
    return _status("VmHWM") - before


def in_fresh_process(module: str, given: Mapping[str, Any]) -> Any:
    """What `module` prints as JSON in its last line, run with `given` as JSON on its input.

    The C library gives small blocks back at once there: it otherwise keeps freed ones, and the
    resident size would tell about them instead of the work.
    """
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, **_ENVIRONMENT},
    )
    return json.loads(done.stdout.splitlines()[-1])


def _status(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if not found:
        raise OSError(f"/proc/self/status has no {field}")
    return int(found[1]) * 1024
