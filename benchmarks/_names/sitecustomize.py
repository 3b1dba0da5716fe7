"""Names for the processes of `ExportedFlow`, from a file that `EXPORTED_NAMES` names.

Python imports this at its start, as it is first on `PYTHONPATH`. A line is `address name`, as in
/etc/hosts, which only root may write; a name may have many lines, and none: then it is not known.
It stands for the name server of Kubernetes or Compose, and is read anew at each look-up. And the
process ends with the one that has started it: a killed test run leaves none behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1

if sys.platform == "linux":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

_FILE = Path(os.environ["EXPORTED_NAMES"])
_ask = socket.getaddrinfo


def _getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
    lines = [line.split() for line in _FILE.read_text(encoding="utf-8").splitlines()]
    known = [address for address, name in lines if name == host]
    if not known:
        return _ask(host, port, *args, **kwargs)
    return [found for address in known for found in _ask(address, port, *args, **kwargs)]


socket.getaddrinfo = _getaddrinfo
