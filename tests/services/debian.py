"""Debian's packages, installed when a test first wants one and root may do so."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

INSTALL_S = 300
# RUNLEVEL: some packages would start a server of their own, on the port that everybody knows.
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}

Found = TypeVar("Found")


def installed(package: str, find: Callable[[], Found | None]) -> Found | None:
    """What `find` finds, if need be after the package was installed; None where that cannot be."""
    if (found := find()) is not None:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    # Tests run in several processes, and apt-get fails where another one is at work.
    with (Path(tempfile.gettempdir()) / "adjudicate-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := find()) is not None:
            return found
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
        for command in (["apt-get", "update", "-qq"], install):
            try:
                subprocess.run(
                    command, env={**os.environ, **_QUIET}, timeout=INSTALL_S, capture_output=True
                )
            except subprocess.TimeoutExpired:
                break
    return find()
