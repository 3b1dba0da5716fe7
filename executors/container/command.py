"""The `jina` of the images.

It takes Jina's own commands, and differs in what a container is watched by: no banner before the
log's JSON lines, no framework imported that the room does not need, signals that are heeded from
the first moment, and an exit status that says how it ended.
"""

from __future__ import annotations

import os
import socket
import sys
import warnings
from argparse import Namespace

from adjudicate.lean import keep_docarray_lean
from executors.container.signals import stop_as_usual, stop_at_once

SERVED = ("executor", "gateway")


def main() -> int:
    """Run one command of Jina. Returns the exit status: 0 after a stop that was asked for, 78 for
    what is configured wrongly, 70 for what else ended it."""
    if len(sys.argv) < 2 or sys.argv[1] not in SERVED:
        import jina_cli

        stop_as_usual()
        jina_cli.main()
        return 0
    stop_at_once()
    _prepare()
    from executors.container.serving import serve

    return serve(*_arguments())


def _prepare() -> None:
    """What must stand before Jina is imported."""
    keep_docarray_lean()
    os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")
    os.environ.setdefault("JINA_LOG_LEVEL", "ERROR")
    # Jina counts replicas of its own alone: here each is number 0, and its host's name tells which.
    os.environ.setdefault("ADJUDICATE_TELEMETRY__INSTANCE", socket.gethostname())
    # Jina's own imports warn about what its pins already settle.
    for settled in ("pkg_resources is deprecated", "Valid config keys have changed"):
        warnings.filterwarnings("ignore", settled)


def _arguments() -> tuple[Namespace, list[str]]:
    from jina.parsers import get_main_parser

    args, unknown = get_main_parser().parse_known_args()
    return args, unknown
