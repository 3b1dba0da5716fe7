"""Gateway and supervisor read whole what the other has written, or nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from executors.shared.health.board import Board, Health, Restarts, Seen, port_of_address


def test_what_one_tells_the_other_reads(tmp_path: Path) -> None:
    gateway, supervisor = Board(tmp_path), Board(tmp_path)
    assert supervisor.health() is None
    assert gateway.restarts() == {}
    for failures in (1, 2):
        health = Health({"5001": Seen(failures=failures, sent=4, detail="no answer")})
        gateway.tell_health(health)
        assert supervisor.health() == health
    restarts = {"5001": Restarts("encoder", unhealthy=1, last="2026-01-01", reason="unhealthy")}
    supervisor.tell_restarts(restarts)
    assert gateway.restarts() == restarts


def test_a_new_service_begins_with_nothing_told(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    Board(folder).clear()
    Board(folder).tell_health(Health())
    Board(folder).tell_restarts({"1": Restarts("judge", died=1)})
    Board(folder).clear()
    assert Board(folder).health() is None
    assert Board(folder).restarts() == {}


def test_a_folder_that_was_cleaned_away_is_made_anew(tmp_path: Path) -> None:
    board = Board(tmp_path / "gone")
    board.tell_health(Health())
    assert board.health() == Health()


def test_a_folder_that_cannot_be_is_an_error_for_who_writes_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    board = Board(tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        board.tell_health(Health())
    assert board.heart() == 0


def test_the_heart_beats_with_each_thing_told_and_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    board = Board(tmp_path)
    assert board.heart() == 0
    path = tmp_path / "health.json"
    board.tell_health(Health())
    os.utime(path, (1, 1))  # long ago
    before = board.heart()
    board.tell_health(Health())
    assert board.heart() != before
    monkeypatch.setattr(Path, "write_text", full)
    os.utime(path, (1, 1))
    before = board.heart()
    with pytest.raises(OSError, match="No space"):
        board.tell_health(Health())
    assert board.heart() != before


def test_the_port_of_an_address() -> None:
    assert port_of_address("127.0.0.1:5001") == "5001"
    assert port_of_address("[::1]:5001") == "5001"
