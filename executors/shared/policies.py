"""The policy in force in a running room: follows the files of its folder, without a restart."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from adjudicate.errors import ConfigurationError
from executors.shared.policy import Policy, load_policy
from executors.shared.policy_report import policy_files

Fingerprint = tuple[tuple[str, ...], ...]

_TRIES = 5
"""Times that the folder is read at the start, should it change under the reader."""

logger = logging.getLogger(__name__)


class Policies:
    """The policy of a folder. `current` is an attribute read: safe and cheap from every thread.

    A thread looks at the files' names, sizes, times and inodes every `poll_s` seconds. When they
    differ from what was last read, and stay as they are for one more look, they are read: so a
    file that an editor is still writing, or has moved away for a moment, does not count, nor does
    a folder half of whose files have been replaced. A swapped symlink, as Kubernetes does it for a
    ConfigMap, is seen since times and inodes are those of what it leads to. A new policy counts if
    its content, not only its files, is another one, and as a whole.

    Files that are no policy change nothing: the one in force stays, the reason is logged once, and
    stands in `problem` until the files are sound again.
    """

    def __init__(
        self,
        folder: Path,
        poll_s: float,
        prepare: Callable[[Policy], object] | None = None,
    ) -> None:
        """Reads the folder. With `poll_s` 0 it is read only now, and no thread is started.

        `prepare` is called with every policy before it is in force: here for the first, in the
        thread for the others. When it raises `ConfigurationError` the policy is refused.

        Raises `ConfigurationError` with the first problem of the folder.
        """
        self._folder = folder
        self._poll_s = poll_s
        self._prepare = prepare
        self._problem = ""
        self._current, self._read = self._first()
        self._seen = self._read
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="policies", daemon=True)
        if poll_s > 0:
            self._thread.start()

    @property
    def current(self) -> Policy:
        """The policy in force. Keep it for all of one ad: the next call may give another."""
        return self._current

    @property
    def problem(self) -> str:
        """Why the newest files are not in force, in one sentence; empty when they are."""
        return self._problem

    def facts(self) -> dict[str, str]:
        """For a room's status: the version in force, and the problem if there is one."""
        facts = {"policy": self._current.version, "policy problem": self._problem}
        return {name: value for name, value in facts.items() if value}

    def check(self) -> str:
        """For readiness: the version in force, which files that are no policy do not change."""
        return ", ".join(f"{name} {value}" for name, value in self.facts().items())

    def close(self) -> None:
        """End the thread. `current` stays as it is."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _first(self) -> tuple[Policy, Fingerprint]:
        for _ in range(_TRIES):
            before = fingerprint(self._folder)
            policy, problem = self._loaded()
            if fingerprint(self._folder) == before:
                break
        if policy is None:
            raise ConfigurationError(problem)
        if self._prepare is not None:
            self._prepare(policy)
        return policy, before

    def _follow(self) -> None:
        while not self._stop.wait(self._poll_s):
            try:
                self._look()
            except Exception:  # the thread must outlive whatever a folder can hold
                logger.exception("the policy folder %s cannot be followed", self._folder)
                self._problem = f"The policy folder {self._folder} cannot be followed: see the log."

    def _look(self) -> None:
        found = fingerprint(self._folder)
        settled, self._seen = found == self._seen, found
        if found == self._read or not settled:
            return
        policy, problem = self._loaded()
        if fingerprint(self._folder) != found:
            return  # it changed while it was read
        if policy is not None and policy.version != self._current.version:
            problem = self._adopt(policy)
        self._read = found
        if problem and problem != self._problem:
            logger.error("policy %s stays in force: %s", self._current.version, problem)
        self._problem = problem

    def _adopt(self, policy: Policy) -> str:
        """Put the policy in force. Returns why it cannot be, or nothing."""
        try:
            if self._prepare is not None:
                self._prepare(policy)
        except ConfigurationError as error:
            return str(error)
        logger.warning("policy %s is in force instead of %s", policy.version, self._current.version)
        self._current = policy
        return ""

    def _loaded(self) -> tuple[Policy | None, str]:
        try:
            return load_policy(self._folder), ""
        except ConfigurationError as error:
            return None, str(error)


def fingerprint(folder: Path) -> Fingerprint:
    """What changes whenever a policy file may have: name, size, times and inode of each, and of
    the folder.

    A file or folder that cannot be read is a state like any other.
    """
    try:
        paths = policy_files(folder)
    except ConfigurationError as error:
        return ((str(error),),)
    # The folder's own times tell of a file that was moved away and back between two looks.
    return tuple((path.name, *_stat(path)) for path in (folder, *paths))


def _stat(path: Path) -> tuple[str, ...]:
    try:
        found = os.stat(path)
    except OSError as error:
        return (str(error.errno),)
    known = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return tuple(map(str, known))
