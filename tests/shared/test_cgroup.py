"""What a container's limit leaves, from files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from executors.shared.cgroup import free_bytes

GIB = 2**30


def group(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content + "\n")


def v2(limit: int | str, used: int, inactive: int = 0) -> dict[str, str]:
    return {
        "memory.max": str(limit),
        "memory.current": str(used),
        "memory.stat": f"anon {used}\ninactive_file {inactive}",
    }


def v1(limit: int, used: int, inactive: int = 0) -> dict[str, str]:
    return {
        "memory.limit_in_bytes": str(limit),
        "memory.usage_in_bytes": str(used),
        "memory.stat": f"inactive_file 7\ntotal_inactive_file {inactive}",
    }


@pytest.fixture
def membership(tmp_path: Path) -> Path:
    return tmp_path / "cgroup"


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    return tmp_path / "mount"


def test_version_2_leaves_its_limit_less_what_is_used_and_cannot_be_given_back(
    membership: Path, mount: Path
) -> None:
    membership.write_text("0::/pod/container\n")
    group(mount, {})
    group(mount / "pod" / "container", v2(4 * GIB, 3 * GIB, inactive=GIB))
    assert free_bytes(membership, mount) == 2 * GIB


def test_the_tightest_of_the_groups_above_counts(membership: Path, mount: Path) -> None:
    membership.write_text("0::/pod/container\n")
    group(mount / "pod", v2(4 * GIB, 3 * GIB))
    group(mount / "pod" / "container", v2("max", 2 * GIB))
    assert free_bytes(membership, mount) == GIB


def test_version_1_is_read_from_its_memory_controller(membership: Path, mount: Path) -> None:
    membership.write_text("5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n")
    group(mount / "memory" / "docker" / "abc", v1(2 * GIB, GIB, inactive=GIB // 2))
    assert free_bytes(membership, mount) == 1.5 * GIB


def test_inside_a_container_the_mount_itself_is_the_group(membership: Path, mount: Path) -> None:
    membership.write_text("4:memory:/docker/a-path-of-the-host\n")
    group(mount / "memory", v1(GIB, GIB // 4))
    assert free_bytes(membership, mount) == GIB * 3 // 4


def test_a_group_over_its_limit_leaves_nothing(membership: Path, mount: Path) -> None:
    membership.write_text("0::/\n")
    group(mount, v2(GIB, 2 * GIB))
    assert free_bytes(membership, mount) == 0


@pytest.mark.parametrize("text", ["", "0::/\n", "3:cpuset:/\n"])
def test_where_no_limit_is_told_there_is_none(membership: Path, mount: Path, text: str) -> None:
    membership.write_text(text)
    assert free_bytes(membership, mount) == float("inf")
    assert free_bytes(membership.with_name("missing"), mount) == float("inf")
