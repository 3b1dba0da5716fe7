"""For all tests."""

import logging
import multiprocessing
import os
from collections.abc import Iterator
from typing import Any

import pytest

from executors.shared.telemetry.logs import LineHandler
from tests.services.fixtures import (
    any_database,
    chromium,
    empty_database,
    postgres,
    postgres_url,
    prepared_postgres,
    redis_server,
    redis_url,
    sqlite_url,
)

__all__ = [
    "any_database",
    "chromium",
    "empty_database",
    "postgres",
    "postgres_url",
    "prepared_postgres",
    "redis_server",
    "redis_url",
    "sqlite_url",
]

# Jina forks by default; a fork of a process that has used gRPC inherits its locks and hangs.
multiprocessing.set_start_method("spawn", force=True)
# Rooms that tests make in this process have no monitor, unless a test wants one: the ports of
# several would be the same.
os.environ.setdefault("ADJUDICATE_TELEMETRY__METRICS_PORT", "0")


@pytest.fixture(scope="module", autouse=True)
def _end_of_logs() -> Iterator[None]:
    """A room that a test makes in this process takes over its log. Later modules read what commands
    print, among which a library's error would stand."""
    yield
    for handler in [*logging.root.handlers]:
        if isinstance(handler, LineHandler):
            logging.root.removeHandler(handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `pytest -n 2`, and so for `make test`."""
    from tests.in_parallel import ByModule

    return ByModule(config, log)
