"""kill -9 at any moment: what was answered is there, whole, and found."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from executors.library.index import FollowingIndex
from executors.library.store import ExemplarStore
from tests.library.adder import exemplar
from tests.services.postgres import Postgres


@contextmanager
def adder(url: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.library.adder", url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def acknowledged_until_killed(
    process: "subprocess.Popen[str]", run: str, acknowledgements: int, delay_s: float
) -> list[str]:
    """What a child added, killed this long after it has said so many."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{run}\n")
    process.stdin.flush()
    said, child = process.stdout.readline().split()
    assert said == "pid"
    heard = [process.stdout.readline().strip() for _ in range(acknowledgements)]
    time.sleep(delay_s)
    os.kill(int(child), signal.SIGKILL)
    while (line := process.stdout.readline().strip()) != "ended":
        heard.append(line)
    return heard


def check(store: ExemplarStore, index: FollowingIndex, acknowledged: list[str]) -> None:
    """All of them are found by their own vectors; nothing is there by half."""
    snapshot = index.current("v1")
    assert snapshot.complete
    assert snapshot.version == store.version()
    assert snapshot.count == store.count() == len(snapshot.entries)
    vectors = [np.asarray(exemplar(name).image_embedding)[None] for name in acknowledged]
    found = snapshot.search("image", vectors, np.full(snapshot.count, 0.9999))
    lost = [
        name
        for name, hits in zip(acknowledged, found, strict=True)
        if name not in {snapshot.entries[hit.place].id for hit in hits}
    ]
    assert lost == []


def check_anew(url: str, acknowledged: list[str]) -> None:
    """The same by a replica that starts now."""
    store = ExemplarStore(url)
    check(store, FollowingIndex(store), acknowledged)
    store.close()


def kill_in_a_loop(url: str, kills: int) -> None:
    chance = random.Random(0)
    acknowledged: list[str] = []
    store = ExemplarStore(url)
    index = FollowingIndex(store)
    with adder(url) as process:
        for kill in range(kills):
            acknowledged += acknowledged_until_killed(
                process, f"run{kill}", chance.randrange(9), chance.random() * 0.02
            )
            check(store, index, acknowledged)
    store.close()
    check_anew(url, acknowledged)
    assert len(acknowledged) > kills


def test_nothing_that_was_answered_is_lost(any_database: str) -> None:
    kill_in_a_loop(any_database, kills=15)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_nothing_that_was_answered_is_lost_in_many_kills(any_database: str) -> None:
    kill_in_a_loop(any_database, kills=200)


def test_what_was_answered_outlives_a_crash_of_postgresql(postgres: Postgres) -> None:
    url = postgres.fresh_database()
    with adder(url) as process:
        acknowledged = acknowledged_until_killed(process, "before", 30, 0)
        postgres.stop("immediate")
        postgres.start()
    check_anew(url, acknowledged)
