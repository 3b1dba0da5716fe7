"""A PostgreSQL of the tests' own: Debian's binaries, a cluster in a temporary folder, a free port.

Run as `python -m tests.services.postgres` it starts one and prints its URL, until Ctrl-C.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.services.debian import installed

START_S = 120
_PR_SET_PDEATHSIG = 1


class NoPostgres(Exception):
    """Why there is no PostgreSQL here."""


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    binaries: Path
    folder: Path
    port: int
    user: str | None

    @property
    def admin_url(self) -> str:
        return self._url("postgres")

    def fresh_database(self, like: str = "template1") -> str:
        """The SQLAlchemy URL of a new database: an empty one, or a copy of the one named `like`,
        to which nobody is connected."""
        name = f"adjudicate_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.admin_url.replace("+psycopg", ""), autocommit=True) as connection:
            made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(made.format(sql.Identifier(name), sql.Identifier(like)))
        return self._url(name)

    def stop(self, mode: str = "fast") -> None:
        """`fast` ends sessions, `immediate` is a crash of the server."""
        self._run("pg_ctl", "stop", "-D", str(self.folder), "-m", mode, "-w")

    def start(self) -> None:
        """Start the server and wait until it answers. It ends when this process does."""
        log = (self.folder / "log").open("ab")
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder)}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with log:
            subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder, "-p", str(self.port), *settings],
                user=self.user,
                group=self.user,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_this_process,
            )
        deadline = time.monotonic() + START_S
        ready = [self.binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready).returncode != 0:
            if time.monotonic() > deadline:
                raise NoPostgres((self.folder / "log").read_text()[-500:])
            time.sleep(0.05)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://adjudicate@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        _checked([str(self.binaries / program), *arguments], user=self.user, cwd=self.folder)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server, stopped and deleted at the end.

    Raises `NoPostgres` where Debian's packages are not there and cannot be installed.
    """
    binaries = _binaries()
    # PostgreSQL refuses to run as root: Debian's package has made a user for it.
    user = _unprivileged_user() if os.geteuid() == 0 else None
    # A short path of its own: sockets have at most 107 characters, and other users must reach it.
    folder = Path(tempfile.mkdtemp(prefix="adjudicate-pg-"))
    try:
        if user is not None:
            entry = pwd.getpwnam(user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        server = Postgres(binaries, folder / "data", _free_port(), user)
        initdb = str(binaries / "initdb")
        _checked(
            [
                *(initdb, "-D", str(server.folder), "-U", "adjudicate", "-A", "trust"),
                *("-E", "UTF8", "--no-locale"),
            ],
            user=user,
            cwd=folder,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_this_process() -> None:
    # A killed test run leaves no server behind: the kernel sends what `pg_ctl stop -m fast` sends.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _binaries() -> Path:
    found = installed("postgresql", _newest)
    if found is None:
        raise NoPostgres("PostgreSQL is not installed: apt-get install postgresql")
    return found


def _newest() -> Path | None:
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    complete = [f for f in folders if (f / "initdb").exists() and (f / "pg_ctl").exists()]
    return max(complete, key=lambda folder: int(folder.parent.name), default=None)


def _unprivileged_user() -> str:
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise NoPostgres("PostgreSQL does not run as root, and there is no other user")


def _checked(command: list[str], user: str | None, cwd: Path) -> None:
    # What pg_ctl starts keeps its pipes open: output to a file is not waited for.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command, user=user, group=user, cwd=cwd, stdout=output, stderr=output, timeout=60
        )
        if done.returncode != 0:
            output.seek(0)
            raise NoPostgres(f"{command[0]}: {output.read().decode(errors='replace')[-500:]}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    with running_postgres() as postgres:
        print(postgres.fresh_database(), flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
