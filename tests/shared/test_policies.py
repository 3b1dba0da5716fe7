"""The policy of a running room follows its files: whole, sound, and none that is half written."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adjudicate.errors import ConfigurationError
from executors.shared.policies import Policies
from executors.shared.policy import Policy, load_policy

POLL_S = 0.1
LOGGER = "executors.shared.policies"


def content(*codes: str, **changes: Any) -> str:
    rules = [
        {
            "code": code,
            "law": "A law",
            "article": "art. 1",
            "markets": ["CN"],
            "products": ["food"],
            "severity": "high",
            "text": {"en": "No cures.", "zh": "不得宣称治愈。"},
            **changes,
        }
        for code in codes
    ]
    return yaml.safe_dump({"rules": rules}, allow_unicode=True)


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def soon(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether it becomes true in time."""
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()


def stays(true: Callable[[], bool], seconds: float = 6 * POLL_S) -> bool:
    """Whether it is true all the time."""
    return not soon(lambda: not true(), seconds)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    policy = tmp_path / "policy"
    policy.mkdir()
    write(policy / "a.yaml", content("A-1", "A-2"))
    return policy


@pytest.fixture
def follow(folder: Path) -> Iterator[Callable[..., Policies]]:
    opened: list[Policies] = []

    def make(*arguments: Any, poll_s: float = POLL_S) -> Policies:
        opened.append(Policies(folder, poll_s, *arguments))
        return opened[-1]

    yield make
    for policies in opened:
        policies.close()


@pytest.fixture
def policies(follow: Callable[..., Policies]) -> Policies:
    return follow()


def codes(policies: Policies) -> list[str]:
    return list(policies.current.rules)


def watch(policies: Policies, last: str, work: Callable[[], None]) -> set[tuple[str, ...]]:
    """Do the work in a thread; return every set of rules that was in force until `last` was."""
    seen: set[tuple[str, ...]] = set()
    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + 20
    while (thread.is_alive() or last not in policies.current.rules) and time.monotonic() < until:
        seen.add(tuple(policies.current.rules))
        time.sleep(0.002)
    thread.join()
    return {*seen, tuple(policies.current.rules)}


def test_an_edit_counts_without_a_restart(policies: Policies, folder: Path) -> None:
    before = policies.current
    assert codes(policies) == ["A-1", "A-2"]
    write(folder / "a.yaml", content("A-1", "A-2", "A-3"))
    assert soon(lambda: codes(policies) == ["A-1", "A-2", "A-3"])
    assert policies.current.version != before.version
    assert policies.current.version == load_policy(folder).version
    assert policies.facts() == {"policy": policies.current.version}


def test_a_new_file_and_a_removed_file_count(policies: Policies, folder: Path) -> None:
    write(folder / "b.yaml", content("B-1"))
    assert soon(lambda: codes(policies) == ["A-1", "A-2", "B-1"])
    (folder / "b.yaml").unlink()
    assert soon(lambda: codes(policies) == ["A-1", "A-2"])


def test_a_rule_switched_off_holds_no_ad_any_more(policies: Policies, folder: Path) -> None:
    write(
        folder / "a.yaml", content("A-1", "A-2", enabled=False) + content("A-3")[len("rules:\n") :]
    )
    assert soon(lambda: codes(policies) == ["A-3"])
    assert list(policies.current.off) == ["A-1", "A-2"]


def test_files_that_were_only_touched_leave_the_same_policy(
    policies: Policies, folder: Path
) -> None:
    before = policies.current
    os.utime(folder / "a.yaml", (1, 1))
    write(folder / "b.yaml", "rules: []\n")
    assert stays(lambda: policies.current is before)
    assert policies.problem == ""


def test_an_edit_that_keeps_size_and_time_counts(policies: Policies, folder: Path) -> None:
    path = folder / "a.yaml"
    was = path.stat()
    write(path, content("A-1", "A-9"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_size == was.st_size
    assert soon(lambda: codes(policies) == ["A-1", "A-9"])


def test_an_editor_that_replaces_the_file_is_followed(policies: Policies, folder: Path) -> None:
    for number in range(3, 6):
        write(folder / ".a.yaml.tmp", content("A-1", f"A-{number}"))
        (folder / ".a.yaml.tmp").replace(folder / "a.yaml")
        assert soon(lambda wanted=f"A-{number}": codes(policies) == ["A-1", wanted])


def test_an_editor_that_moves_the_file_away_first_loses_no_rule(
    follow: Callable[..., Policies], folder: Path
) -> None:
    policies = follow(poll_s=0.5)
    write(folder / "b.yaml", content("B-1"))
    assert soon(lambda: codes(policies) == ["A-1", "A-2", "B-1"])

    def save() -> None:
        for _ in range(10):
            (folder / "b.yaml").rename(folder / "b.yaml~")
            time.sleep(0.05)
            write(folder / "b.yaml", content("B-2"))
            time.sleep(0.05)

    seen = watch(policies, "B-2", save)
    assert seen == {("A-1", "A-2", "B-1"), ("A-1", "A-2", "B-2")}


def test_a_file_that_is_being_written_does_not_count_before_its_end(
    follow: Callable[..., Policies], folder: Path
) -> None:
    policies = follow(poll_s=0.5)
    rules = [content(f"A-{number}")[len("rules:\n") :] for number in range(1, 11)]

    def save() -> None:
        with (folder / "a.yaml").open("w", encoding="utf-8") as file:
            file.write("rules:\n")
            for rule in rules:  # each time a sound policy, of fewer rules
                file.write(rule)
                file.flush()
                time.sleep(0.1)

    seen = watch(policies, "A-10", save)
    assert {len(in_force) for in_force in seen} == {2, 10}
    assert policies.problem == ""


def test_a_config_map_that_swaps_its_link_is_followed(tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    for version, code in (("..2026_1", "A-1"), ("..2026_2", "A-2")):
        (mounted / version).mkdir(parents=True)
        write(mounted / version / "a.yaml", content(code))
        os.utime(mounted / version / "a.yaml", (1, 1))
    (mounted / "..data").symlink_to("..2026_1")
    (mounted / "a.yaml").symlink_to("..data/a.yaml")
    policies = Policies(mounted, POLL_S)
    try:
        assert codes(policies) == ["A-1"]
        (mounted / "..data_tmp").symlink_to("..2026_2")
        (mounted / "..data_tmp").replace(mounted / "..data")
        assert soon(lambda: codes(policies) == ["A-2"])
    finally:
        policies.close()


def test_a_wrong_edit_keeps_the_old_policy_and_is_logged_once(
    policies: Policies, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = policies.current
    with caplog.at_level(logging.ERROR, logger=LOGGER):
        write(folder / "a.yaml", content("A-1", severity="grave"))
        assert soon(lambda: policies.problem != "")
        assert stays(lambda: policies.current is before)
        (folder / "notes.yaml").touch()
        (folder / "notes.yaml").unlink()
        assert stays(lambda: policies.current is before)
    assert policies.problem.startswith("a.yaml, line ")
    assert "rule A-1, severity: grave is not known" in policies.problem
    assert policies.facts() == {"policy": before.version, "policy problem": policies.problem}
    logged = [record.getMessage() for record in caplog.records]
    assert logged == [f"policy {before.version} stays in force: {policies.problem}"]


def test_a_wrong_edit_that_is_mended_counts(policies: Policies, folder: Path) -> None:
    write(folder / "a.yaml", "rules: [")
    assert soon(lambda: policies.problem != "")
    write(folder / "a.yaml", content("A-7"))
    assert soon(lambda: codes(policies) == ["A-7"])
    assert policies.problem == ""


def test_a_wrong_edit_that_is_taken_back_leaves_the_same_policy(
    policies: Policies, folder: Path
) -> None:
    before = policies.current
    write(folder / "a.yaml", "rules: [")
    assert soon(lambda: policies.problem != "")
    write(folder / "a.yaml", content("A-1", "A-2"))
    assert soon(lambda: policies.problem == "")
    assert policies.current is before


def test_a_folder_that_is_gone_for_a_while_is_a_problem_for_a_while(
    policies: Policies, folder: Path
) -> None:
    away = folder.with_name("away")
    folder.rename(away)
    assert soon(lambda: "does not exist" in policies.problem)
    assert codes(policies) == ["A-1", "A-2"]
    write(away / "a.yaml", content("A-3"))
    away.rename(folder)
    assert soon(lambda: codes(policies) == ["A-3"])
    assert policies.problem == ""


def test_what_is_made_of_a_policy_is_ready_before_it_is_in_force(
    follow: Callable[..., Policies], folder: Path
) -> None:
    made: list[tuple[Policy, str, bool]] = []
    policies: Policies | None = None

    def prepare(policy: Policy) -> None:
        in_force = policies is not None and policies.current is policy
        made.append((policy, threading.current_thread().name, in_force))

    policies = follow(prepare)
    write(folder / "a.yaml", content("A-3"))
    assert soon(lambda: codes(policies) == ["A-3"])
    (first, here, _), (second, there, already) = made
    assert second is policies.current
    assert list(first.rules) == ["A-1", "A-2"]
    assert (here, there) == (threading.current_thread().name, "policies")
    assert not already


def test_a_policy_of_which_nothing_can_be_made_is_refused(
    follow: Callable[..., Policies], folder: Path
) -> None:
    def prepare(policy: Policy) -> None:
        if "A-3" in policy.rules:
            raise ConfigurationError("rule A-3, terms: no letters.")

    policies = follow(prepare)
    before = policies.current
    write(folder / "a.yaml", content("A-3"))
    assert soon(lambda: policies.problem == "rule A-3, terms: no letters.")
    assert policies.current is before
    with pytest.raises(ConfigurationError, match="no letters"):
        follow(prepare)


def test_what_nobody_foresaw_ends_no_thread(
    follow: Callable[..., Policies], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def prepare(policy: Policy) -> None:
        if "A-3" in policy.rules:
            raise RuntimeError("unforeseen")

    policies = follow(prepare)
    write(folder / "a.yaml", content("A-3"))
    assert soon(lambda: "cannot be followed" in policies.problem)
    assert codes(policies) == ["A-1", "A-2"]
    write(folder / "a.yaml", content("A-4"))
    assert soon(lambda: codes(policies) == ["A-4"])
    assert policies.problem == ""


def test_a_wrong_policy_at_the_start_is_refused(
    follow: Callable[..., Policies], folder: Path
) -> None:
    write(folder / "a.yaml", content("A-1", severity="grave"))
    with pytest.raises(ConfigurationError, match="severity: grave is not known"):
        follow()


def test_without_a_poll_the_policy_is_that_of_the_start(
    follow: Callable[..., Policies], folder: Path
) -> None:
    threads = threading.active_count()
    policies = follow(poll_s=0)
    assert threading.active_count() == threads
    write(folder / "a.yaml", content("A-3"))
    assert stays(lambda: codes(policies) == ["A-1", "A-2"])


def test_a_closed_one_follows_no_longer(follow: Callable[..., Policies], folder: Path) -> None:
    threads = threading.active_count()
    policies = follow()
    policies.close()
    assert threading.active_count() == threads
    write(folder / "a.yaml", content("A-3"))
    assert stays(lambda: codes(policies) == ["A-1", "A-2"])
    policies.close()


def test_many_threads_see_whole_policies_only(policies: Policies, folder: Path) -> None:
    wrong: list[Policy] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            policy = policies.current
            if Policy.of(policy.rules.values()).version != policy.version:
                wrong.append(policy)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(3, 7):
        write(folder / "a.yaml", content("A-1", f"A-{number}"))
        assert soon(lambda wanted=f"A-{number}": codes(policies) == ["A-1", wanted])
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
