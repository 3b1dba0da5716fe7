"""For all tests."""

import multiprocessing

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
