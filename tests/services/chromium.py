"""A browser for the tests: Debian's Chromium, without a window."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from html import unescape

from tests.services.debian import installed

_NAMES = ("chromium", "chromium-browser", "google-chrome")


class NoChromium(Exception):
    """Why there is no Chromium here."""


class Chromium:
    """Opens pages, each in a profile of its own."""

    def __init__(self, binary: str) -> None:
        self.binary = binary

    def dom_of(self, url: str, *, settle: bool = False, seconds: float = 60) -> str:
        """The page as its scripts have left it when it is loaded.

        A page that waits for more holds its own load event back, by a picture that comes late. For
        one that does not, `settle` waits until nothing more happens; WebSockets do not count.
        """
        waits = ["--virtual-time-budget=10000"] if settle else []
        with tempfile.TemporaryDirectory(prefix="adjudicate-chromium-") as profile:
            done = subprocess.run(
                [
                    *(self.binary, "--headless", "--disable-gpu", "--dump-dom"),
                    "--no-sandbox",  # as root it starts no other way
                    *("--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server"),
                    *("--disable-background-networking", "--disable-component-update"),
                    *waits,
                    *(f"--user-data-dir={profile}", url),
                ],
                capture_output=True,
                timeout=seconds,
            )
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2_000:]
        return unescape(done.stdout.decode())


def find_chromium() -> Chromium:
    """Raises `NoChromium` where Debian's package is not there and cannot be installed."""
    binary = installed("chromium", _installed)
    if binary is None:
        raise NoChromium("Chromium is not installed: apt-get install chromium")
    return Chromium(binary)


def _installed() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)
