"""The thread that keeps figures fresh."""

import logging
import threading

import pytest

from executors.shared.quality.refreshing import Refreshing


def test_it_works_again_and_again_until_it_is_closed() -> None:
    done = threading.Semaphore(0)
    counted = iter(range(1_000_000))

    def work() -> int:
        done.release()
        return next(counted)

    refreshing = Refreshing("a count", work, 0.001, -1)
    assert refreshing.found == -1
    refreshing.start()
    for _ in range(3):
        assert done.acquire(timeout=60)
    refreshing.close()
    assert refreshing.found >= 1
    last = refreshing.found
    assert not refreshing._thread.is_alive()
    assert refreshing.found == last


def test_a_failure_is_one_line_and_the_last_result_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempts = threading.Semaphore(0)

    def work() -> int:
        attempts.release()
        raise ZeroDivisionError

    refreshing = Refreshing("a share", work, 0.001, 7)
    with caplog.at_level(logging.ERROR):
        refreshing.start()
        for _ in range(4):
            assert attempts.acquire(timeout=60)
        refreshing.close()
    assert refreshing.found == 7
    assert [record.getMessage() for record in caplog.records] == [
        "a share cannot be found out; trying on"
    ]


def test_who_asks_at_once_gets_the_error() -> None:
    refreshing = Refreshing("a share", lambda: 1 / 0, 3_600, 0.0)
    with pytest.raises(ZeroDivisionError):
        refreshing.now()
    refreshing.close()
