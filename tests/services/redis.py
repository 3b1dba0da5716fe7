"""A Redis of the tests' own: Debian's binary, nothing on disk, a free port.

Run as `python -m tests.services.redis` it starts one and prints its URL, until Ctrl-C.
"""

from __future__ import annotations

import ctypes
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import RedisError

from tests.services.debian import installed

START_S = 30
_PR_SET_PDEATHSIG = 1


class NoRedis(Exception):
    """Why there is no Redis here."""


class RedisServer:
    """A server that can be killed, frozen and started again on its port."""

    def __init__(self, binary: str, folder: str) -> None:
        self._binary = binary
        self._folder = folder
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers. It ends when this process does."""
        nothing_on_disk = ("--save", "", "--appendonly", "no", "--dir", self._folder)
        self._process = subprocess.Popen(
            [self._binary, "--bind", "127.0.0.1", "--port", str(self._port), *nothing_on_disk],
            stdout=subprocess.DEVNULL,
            preexec_fn=_end_with_this_process,
        )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise NoRedis("redis-server does not start")
            time.sleep(0.05)

    def kill(self) -> None:
        """End the server at once; its connections are reset."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def freeze(self) -> None:
        """The server keeps its connections, takes new ones, and answers nobody."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """The server goes on."""
        self._signal(signal.SIGCONT)

    def empty(self) -> None:
        """Forget all values."""
        with Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def _signal(self, signum: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signum)


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """A server, ended at the end.

    Raises `NoRedis` where Debian's package is not there and cannot be installed.
    """
    binary = _binary()
    with tempfile.TemporaryDirectory(prefix="adjudicate-redis-") as folder:
        server = RedisServer(binary, folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _binary() -> str:
    found = installed("redis-server", lambda: shutil.which("redis-server"))
    if found is None:
        raise NoRedis("Redis is not installed: apt-get install redis-server")
    return found


def _end_with_this_process() -> None:
    # A killed test run leaves no server behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    with running_redis() as redis:
        print(redis.url, flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
