"""Versions of thresholds: what can be stored, which one is in force, and how replicas follow."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docarray import DocList
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from adjudicate.documents import Lookup, ThresholdVersion
from adjudicate.errors import AdError, Code
from executors.library.executor import Library
from executors.library.threshold_versions import VERSIONS, ThresholdStore
from executors.library.thresholds import OFF, Thresholds, load_thresholds
from executors.library.thresholds_in_force import FOLLOW_S, ThresholdsInForce


def version(cure: float, state: str = "active", encoder: str = "v1", **more: Any) -> Any:
    content = more.pop("content", json.dumps({"image": {"cure": cure}}))
    return ThresholdVersion(content=content, state=state, encoder_version=encoder, **more)


@pytest.fixture
def store(database: str) -> ThresholdStore:
    return ThresholdStore(database)


@pytest.fixture
def file(tmp_path: Path) -> Thresholds:
    path = tmp_path / "thresholds.yaml"
    path.write_text("image: {cure: 0.7}\ntext: {cure: 0.6}\n", encoding="utf-8")
    return load_thresholds(path, ceiling=0.97)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def states(store: ThresholdStore) -> dict[float, str]:
    return {json.loads(held.content)["image"]["cure"]: held.state for held in store.all()}


def test_a_new_active_version_retires_the_one_before(store: ThresholdStore) -> None:
    store.add(version(0.7, "active"))
    store.add(version(0.8, "shadow"))
    store.add(version(0.9, "active"))
    assert states(store) == {0.7: "retired", 0.8: "shadow", 0.9: "active"}


def test_encoders_do_not_share_their_active_version(store: ThresholdStore) -> None:
    store.add(version(0.7, encoder="v1"))
    store.add(version(0.8, encoder="v2"))
    store.add(version(0.7, encoder="v2", state="shadow"))
    assert sorted((v.encoder_version, v.state) for v in store.in_force()) == [
        ("v1", "active"),
        ("v2", "active"),
        ("v2", "shadow"),
    ]


def test_an_older_version_can_be_made_active_again(store: ThresholdStore) -> None:
    old = store.add(version(0.7, created_by="mei", note="first"))
    store.add(version(0.8))
    back = store.set_state(old.id[:6], "active", by="jo", note="too many false alarms")
    assert (back.state, back.changed_by, back.created_by) == ("active", "jo", "mei")
    assert back.note == "first\ntoo many false alarms"
    assert back.changed_at > back.created_at
    assert states(store) == {0.7: "active", 0.8: "retired"}


def test_the_same_values_are_one_version_and_stay_active(store: ThresholdStore) -> None:
    first = store.add(version(0.7, note="the first"))
    again = store.add(version(0.70, "shadow", note="proposed anew"))
    assert (again.id, again.state, again.note) == (first.id, "active", "the first")
    assert len(store.all()) == 1


def test_the_database_itself_refuses_two_active_versions(store: ThresholdStore) -> None:
    store.add(version(0.7))
    second = store.add(version(0.8, "retired"))
    by_hand = update(VERSIONS).where(VERSIONS.c.version == second.id).values(state="active")
    with pytest.raises(IntegrityError), store._engine.begin() as connection:
        connection.execute(by_hand)


def test_many_at_once_leave_one_active(database: str) -> None:
    stores = [ThresholdStore(database) for _ in range(4)]

    def work(number: int) -> None:
        for turn in range(5):
            stores[number].add(version(0.5 + number / 100 + turn / 1000))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores[0].all()) == 20
    assert [held.state for held in stores[0].in_force()] == ["active"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"content": "not JSON"}, "content"),
        ({"content": "[]"}, "content"),
        ({"content": '{"image": {"cure": 1.2}}'}, "image.cure"),
        ({"content": '{"imge": {}}'}, "imge"),
        ({"content": '{"encoder": "v1"}'}, "content"),
        ({"state": "file"}, "state"),
        ({"state": "best"}, "state"),
        ({"encoder": ""}, "encoder_version"),
        ({"created_by": "x" * 201}, "created_by"),
        ({"note": "\0"}, "note"),
    ],
)
def test_what_cannot_be_in_force_is_refused(
    store: ThresholdStore, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(AdError, match=said) as refused:
        store.add(version(0.7, **wrong))
    assert refused.value.code is Code.INVALID_FIELD
    assert store.all() == []


def test_a_state_is_set_on_one_known_version(store: ThresholdStore) -> None:
    held = store.add(version(0.7, encoder="v1"))
    with pytest.raises(AdError) as refused:
        store.set_state("0" * 12, "active")
    assert refused.value.code is Code.NOT_FOUND
    with pytest.raises(AdError) as refused:
        store.set_state(held.id[:3], "active")  # too short a prefix to be meant
    assert refused.value.code is Code.NOT_FOUND
    with pytest.raises(AdError, match="state"):
        store.set_state(held.id, "on")
    store.add(version(0.7, "shadow", encoder="v1"))


def test_without_versions_the_file_is_in_force(store: ThresholdStore, file: Thresholds) -> None:
    assert ThresholdsInForce(file, store).current("v1") == (file, None)


def test_a_version_is_in_force_for_its_encoder_only(
    store: ThresholdStore, file: Thresholds
) -> None:
    store.add(version(0.9, "active"))
    store.add(version(0.99, "shadow"))
    in_force = ThresholdsInForce(file, store)
    active, shadow = in_force.current("v1")
    assert active.of("image", "cure") == 0.9
    assert active.of("image-text", "cure") == OFF
    assert shadow is not None
    assert shadow.of("image", "cure") == 0.97, "the ceiling is that of near-duplicates"
    assert in_force.current("v2") == (file, None)


def test_a_shadow_may_stand_beside_the_file(store: ThresholdStore, file: Thresholds) -> None:
    store.add(version(0.9, "shadow"))
    active, shadow = ThresholdsInForce(file, store).current("v1")
    assert active is file
    assert shadow is not None


def test_another_replica_follows_within_its_interval(
    store: ThresholdStore, file: Thresholds, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    other = ThresholdStore(database)
    in_force = ThresholdsInForce(file, other, clock)
    assert in_force.current("v1").active is file
    reads: list[int] = []
    read = other.in_force
    monkeypatch.setattr(other, "in_force", lambda: (reads.append(1), read())[1])
    store.add(version(0.9))
    for _ in range(50):
        assert in_force.current("v1").active is file
    assert reads == [], "the table is asked at most once an interval"
    clock.now += FOLLOW_S
    active = in_force.current("v1").active
    assert active.of("image", "cure") == 0.9
    clock.now += FOLLOW_S
    assert in_force.current("v1").active is active, "an unchanged version is the same object"
    in_force.forget()
    in_force.current("v1")
    assert len(reads) == 3


def test_a_file_measured_with_another_encoder_is_said(
    tmp_path: Path, store: ThresholdStore, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "thresholds.yaml"
    path.write_text("encoder: v1\nimage: {cure: 0.7}\n", encoding="utf-8")
    in_force = ThresholdsInForce(load_thresholds(path), store)
    in_force.current("v1")
    assert not caplog.records
    assert "thresholds warning" not in in_force.facts()
    for _ in range(3):
        in_force.current("v2")
    (record,) = caplog.records
    assert "measured with encoder v1, not v2" in record.getMessage()
    assert "not v2" in in_force.facts()["thresholds warning"]


async def test_the_room_lists_its_file_and_what_was_added(
    open_library: Callable[..., Library],
) -> None:
    library = open_library()
    (added,) = await library.add_thresholds(DocList[ThresholdVersion]([version(0.9, "shadow")]))
    assert added.problem is None
    listed = await library.list_thresholds(DocList[Lookup]([Lookup(id="")]))
    assert [held.state for held in listed] == ["shadow", "file"]
    assert json.loads(listed[1].content)["image"] == {"cure": 0.7}
    (held, missing) = await library.list_thresholds(
        DocList[Lookup]([Lookup(id=added.id[:5]), Lookup(id="none")])
    )
    assert held.id == added.id
    assert missing.problem is not None
    assert missing.problem.code == "not_found"


async def test_a_change_in_the_room_counts_at_once(open_library: Callable[..., Library]) -> None:
    library = open_library()
    in_force = library._in_force
    assert in_force.current("v1").active.of("image", "cure") == 0.7
    (added,) = await library.add_thresholds(DocList[ThresholdVersion]([version(0.9)]))
    assert in_force.current("v1").active.of("image", "cure") == 0.9
    assert library.describe().facts["thresholds"] == f"version {added.id}"
    asked = ThresholdVersion(id=added.id, state="retired", changed_by="jo")
    (answer,) = await library.set_thresholds(DocList[ThresholdVersion]([asked]))
    assert (answer.state, answer.problem) == ("retired", None)
    assert in_force.current("v1").active is in_force.file


async def test_what_is_wrong_with_one_version_is_its_problem(
    open_library: Callable[..., Library],
) -> None:
    library = open_library()
    bad, good = await library.add_thresholds(
        DocList[ThresholdVersion]([version(0.9, content="{}}"), version(0.9)])
    )
    assert bad.problem is not None
    assert bad.problem.code == "invalid_field"
    assert good.problem is None
    (missing,) = await library.set_thresholds(
        DocList[ThresholdVersion]([ThresholdVersion(id="0123456789ab", state="active")])
    )
    assert missing.problem is not None
    assert missing.problem.code == "not_found"
