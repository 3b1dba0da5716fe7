"""For all tests."""

import multiprocessing
import os

from tests.services.fixtures import (
    any_database,
    chromium,
    postgres,
    postgres_url,
    redis_server,
    redis_url,
    sqlite_url,
)

__all__ = [
    "any_database",
    "chromium",
    "postgres",
    "postgres_url",
    "redis_server",
    "redis_url",
    "sqlite_url",
]

# Jina forks by default; a fork of a process that has used gRPC inherits its locks and hangs.
multiprocessing.set_start_method("spawn", force=True)
# Rooms that tests make in this process have no monitor, unless a test wants one: the ports of
# several would be the same.
os.environ.setdefault("ADJUDICATE_TELEMETRY__METRICS_PORT", "0")
