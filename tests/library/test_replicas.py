"""Replicas that share a database: what one answers, the other finds."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

DEADLINE_S = 2.0

Replica = Callable[[str], str]


@pytest.fixture
def replicas(any_database: str) -> Iterator[tuple[Replica, Replica]]:
    command = [sys.executable, "-m", "tests.library.replica", any_database]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) for _ in range(2)
    ]

    def asking(process: "subprocess.Popen[str]") -> Replica:
        def ask(line: str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{line}\n")
            return process.stdout.readline().strip()

        return ask

    # Both start on an empty database, and so both make its tables.
    assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n"] * 2
    one, other = (asking(process) for process in processes)
    yield one, other
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


def seconds_until(ask: Replica, line: str, answer: str) -> float:
    started = time.monotonic()
    while time.monotonic() - started < DEADLINE_S:
        if ask(line) == answer:
            return time.monotonic() - started
    pytest.fail(f"{line!r} was not answered {answer!r} within {DEADLINE_S} s")


def test_an_exemplar_added_to_one_is_found_by_the_other_within_two_seconds(
    replicas: tuple[Replica, Replica],
) -> None:
    one, other = replicas
    assert other("find a") == "found"
    longest = 0.0
    for name, (adds, finds) in {"a": (one, other), "b": (other, one), "c": (one, other)}.items():
        assert adds(f"add {name}") == "done"
        longest = max(longest, seconds_until(finds, f"find {name}", f"found {name}"))
    assert other("remove b") == "done"
    longest = max(longest, seconds_until(one, "find b", "found"))
    print(f"seen after {longest * 1_000:.1f} ms at most")
    # More than that: an addition that was answered is in the first search that comes after.
    for number in range(20):
        assert one(f"add n{number}") == "done"
        assert other(f"find n{number}") == f"found n{number}"
