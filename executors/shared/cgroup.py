"""What a container's memory limit leaves: control groups of Linux, version 2 and version 1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MEMBERSHIP = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")

# Limit, use, and the name in memory.stat of the file pages that the kernel gives back when asked.
_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def free_bytes(membership: Path = MEMBERSHIP, mount: Path = MOUNT) -> float:
    """Bytes that this process's control groups leave it; infinite where none sets a limit.

    A group is held to the limits of all those above it. Its page cache does not count as used.
    Inside a container the path of `membership` may be the host's: then the mount itself is the
    group. See the kernel's cgroup-v2.rst, "Memory", and cgroup-v1/memory.rst.
    """
    return min((_left(group, *names) for group, names in _groups(membership, mount)), default=_NONE)


_NONE = float("inf")


def _groups(membership: Path, mount: Path) -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """This process's groups of memory and those above them, with the names of their files."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, names = mount, _V2
        elif "memory" in controllers.split(","):
            root, names = mount / "memory", _V1
        else:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for place in (inside, *inside.parents):
            yield root / place, names


def _left(group: Path, limit: str, used: str, reclaimable: str) -> float:
    try:
        most = (group / limit).read_text().strip()
        if most == "max":
            return _NONE
        now = int((group / used).read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return _NONE
    return float(max(0, int(most) - now + int(stat.get(reclaimable, 0))))
