"""Docker Compose, whose `config` says what it makes of files without an engine.

Debian 12 has only the first Compose, which reads other files; the second is unpacked from Debian 13
into a folder of its own, and nothing is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LEAST = (2, 24, 4)
"""With `!override`: docs.docker.com/reference/compose-file/merge."""
SUITE = "trixie"
PACKAGE = "docker-compose"
PLUGIN = "usr/libexec/docker/cli-plugins/docker-compose"
FETCH_S = 180


class NoCompose(Exception):
    """Why there is no Docker Compose here."""


class ComposeError(Exception):
    """Compose's own words on files that it refuses."""


def config(
    files: Sequence[Path], environment: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], str]:
    """The project that Compose would run, and what it warned of.

    Raises `ComposeError`, and `NoCompose` where there is none and none can be had.
    """
    named = [part for file in files for part in ("-f", str(file))]
    ran = subprocess.run(
        [*find_compose(), *named, "config"],
        env={"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir(), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if ran.returncode:
        raise ComposeError(ran.stderr)
    return yaml.safe_load(ran.stdout), ran.stderr


@cache
def find_compose() -> tuple[str, ...]:
    """The command. Raises `NoCompose`."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]) and _recent(command):
            return command
    folder = Path(tempfile.gettempdir(), f"adjudicate-{PACKAGE}-{SUITE}")
    plugin = folder / PLUGIN
    if not plugin.exists():
        _unpack(folder)
    if not plugin.exists() or not _recent((str(plugin),)):
        least = ".".join(map(str, LEAST))
        raise NoCompose(f"there is no Docker Compose of version {least} or later")
    return (str(plugin),)


def _recent(command: tuple[str, ...]) -> bool:
    ran = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", ran.stdout.strip())
    return found is not None and tuple(map(int, found.groups())) >= LEAST


def _unpack(folder: Path) -> None:
    """Debian's package, checked by apt with Debian's keys; without a trace in this system's apt."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return
    with tempfile.TemporaryDirectory(prefix="adjudicate-apt-") as made:
        work = Path(made)
        for part in ("lists/partial", "archives/partial", "out"):
            (work / part).mkdir(parents=True)
        sources = work / "sources.list"
        sources.write_text(f"deb http://deb.debian.org/debian {SUITE} main\n")
        (work / "status").touch()
        chosen = {
            "Dir::Etc::SourceList": sources,
            "Dir::Etc::SourceParts": "-",
            "Dir::State::Lists": work / "lists",
            "Dir::State::status": work / "status",
            "Dir::Cache": work / "archives",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "",
        }
        apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in chosen.items())]
        try:
            subprocess.run([*apt, "update"], timeout=FETCH_S, check=True, capture_output=True)
            download = [*apt, "download", PACKAGE]
            subprocess.run(
                download, cwd=work / "out", timeout=FETCH_S, check=True, capture_output=True
            )
            (package,) = (work / "out").glob("*.deb")
            subprocess.run(["dpkg", "-x", str(package), str(work / "root")], check=True)
            os.replace(work / "root", folder)
        except (subprocess.SubprocessError, ValueError, OSError):
            return  # `find_compose` says that there is none
