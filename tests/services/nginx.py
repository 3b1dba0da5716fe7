"""An nginx of the tests' own: Debian's binary, everything that it writes in one folder.

    with Nginx(folder) as nginx:
        nginx.start(f"server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }}")
        nginx.reload(...)  # returns when only the new configuration accepts connections

A configuration is what stands inside `http { }`; the file around it is `MAIN`, or the one given.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import TracebackType

import psutil

from tests.services.debian import installed

START_S = 30
SITE = "site.conf"
MAIN = """\
worker_processes 1;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include site.conf;
}
"""
"""Around the configuration under test. Relative paths are below the folder."""
_PR_SET_PDEATHSIG = 1


class NoNginx(Exception):
    """Why there is no nginx here."""


class NginxError(Exception):
    """nginx' own words on a configuration, or the end of its log."""


class Nginx:
    """A server whose configuration can be changed while it runs. Leaving the context stops it."""

    def __init__(self, folder: Path, main: str = MAIN) -> None:
        """`main`: the whole file, with `include site.conf;` inside `http { }`.

        Raises `NoNginx` where Debian's package is not there and cannot be installed.
        """
        self.folder = folder
        self._binary = find_nginx()
        self._main = main
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "error.log"
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Nginx:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """Its error log so far, from `notice` on."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """Of the master process."""
        assert self._process is not None
        return self._process.pid

    def test(self, config: str) -> str:
        """What `nginx -t` says. Raises `NginxError` with it when it refuses the configuration."""
        checked = self._write(config, "tested")
        done = subprocess.run(
            [*self._command(checked), "-t"], capture_output=True, text=True, timeout=START_S
        )
        if done.returncode:
            raise NginxError(done.stderr)
        return done.stderr

    def start(self, config: str) -> None:
        """Returns when it accepts connections. Raises `NginxError` with its own words."""
        path = self._write(config, "nginx")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command(path), "-g", "daemon off;"],
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_this_process,
            )
        self._wait(lambda: bool(self._workers()))

    def reload(self, config: str) -> None:
        """Change the configuration: requests in flight finish under the old one.

        Raises `NginxError`, and the old one stays, when nginx refuses the new one.
        """
        self.test(config)
        before = self._workers()
        self._write(config, "nginx")
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)
        self._wait(lambda: bool(self._workers() - before) and not self._workers() & before)

    def stop(self) -> None:
        """End it at once. `drain` waits for what is in flight."""
        self._end(signal.SIGTERM)

    def drain(self, seconds: float = START_S) -> None:
        """Accept nothing more, let what is in flight finish, then end."""
        self._end(signal.SIGQUIT, seconds)

    def _end(self, signum: signal.Signals, seconds: float = START_S) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signum)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                for process in (*psutil.Process(self._process.pid).children(), self._process):
                    process.kill()
                self._process.wait()
        self._process = None

    def _write(self, config: str, name: str) -> Path:
        # A tested configuration must not lie where the running server would read it.
        site = SITE if name == "nginx" else f"{name}-{SITE}"
        (self.folder / site).write_text(config)
        main = self.folder / f"{name}.conf"
        main.write_text(_user() + re.sub(rf"\b{re.escape(SITE)}", site, self._main))
        return main

    def _command(self, config: Path) -> list[str]:
        # -e: until the configuration is read it would write to Debian's own log.
        return [self._binary, "-p", f"{self.folder}/", "-c", str(config), "-e", "stderr"]

    def _workers(self) -> set[int]:
        """Processes that accept connections."""
        assert self._process is not None
        found = set()
        try:
            for child in psutil.Process(self._process.pid).children():
                title = " ".join(child.cmdline())
                if "worker process" in title and "shutting down" not in title:
                    found.add(child.pid)
        except psutil.NoSuchProcess:
            pass  # ended while we looked: the next look tells
        return found

    def _wait(self, done: Callable[[], bool]) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while not done():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NginxError(self.log[-2_000:])
            time.sleep(0.02)


@cache
def find_nginx() -> str:
    """The path of Debian's binary, installed where that can be done. Raises `NoNginx`."""
    found = installed("nginx-light", _which)
    if found is None:
        raise NoNginx("nginx is not installed: apt-get install nginx-light")
    return found


def _which() -> str | None:
    # Debian has it in a folder that only root's PATH names.
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _user() -> str:
    # As root, nginx gives its workers to nobody, who may not enter the tests' folders.
    return "user root;\n" if os.geteuid() == 0 else ""


def _end_with_this_process() -> None:
    # A killed test run leaves no server behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
