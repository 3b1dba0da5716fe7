"""The rooms as `adjudicate status` prints them."""

import io

from docarray import DocList
from rich.console import Console

from adjudicate.cli.show_rooms import health_table, room_table
from adjudicate.documents import ReplicaHealth, RoomStatus

WELL = ReplicaHealth(
    state="healthy", last_canary="2026-11-21T12:52:29.885+00:00", milliseconds=19.6
)
SICK = ReplicaHealth(
    replica=1,
    state="unhealthy",
    last_canary="2026-11-21T12:52:40.000+00:00",
    milliseconds=15_000,
    failures=2,
    detail="no answer for 15 s",
    restarts=3,
    restarted_at="2026-11-21T12:40:01.000+00:00",
    restart_reason="unhealthy",
)


def shown(*replicas: ReplicaHealth) -> list[list[str]]:
    """The rows of the table of canaries, by words."""
    table = health_table([RoomStatus(room="encoder", replicas=DocList[ReplicaHealth](replicas))])
    assert table is not None
    console = Console(file=io.StringIO(), width=140)
    console.print(table)
    lines = str(console.file.getvalue()).splitlines()  # type: ignore[attr-defined]
    return [line.split() for line in lines if line.strip().startswith("encoder")]


def test_a_canary_that_came_through_has_its_time_and_milliseconds() -> None:
    assert shown(WELL) == [["encoder", "healthy", "12:52:29", "20", "0", "0"]]


def test_one_that_failed_says_why_and_how_often_and_replicas_have_their_numbers() -> None:
    first, second = shown(WELL, SICK)
    assert first[0] == "encoder/0"
    assert " ".join(second) == (
        "encoder/1 unhealthy: no answer for 15 s 12:52:40 15000 2 3, the last 12:40:01 (unhealthy)"
    )


def test_without_a_supervisor_a_replica_is_shown_by_its_address() -> None:
    alone = ReplicaHealth(state="healthy", address="10.0.0.4:8080", restarts=None)
    (row,) = shown(alone)
    assert " ".join(row) == "encoder, 10.0.0.4:8080 healthy 0 no supervisor"


def test_before_the_first_canary_there_is_nothing_to_say_of_it() -> None:
    assert shown(ReplicaHealth()) == [["encoder", "unknown", "0", "0"]]


def test_without_canaries_there_is_no_such_table() -> None:
    assert health_table([RoomStatus(room="encoder")]) is None


def test_a_room_that_is_not_ready_says_so() -> None:
    console = Console(file=io.StringIO(), width=140)
    console.print(room_table([RoomStatus(room="judge", ready=False, facts={"problem": "gone"})]))
    text = str(console.file.getvalue())  # type: ignore[attr-defined]
    assert "no" in text
    assert "problem gone" in text
