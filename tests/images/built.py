"""Images built by buildah from the very Dockerfiles, on a base made by debootstrap.

There is no registry: the base is Debian as debootstrap makes it, with this machine's Python where
the official image has its own. Needs root, buildah, debootstrap, and Debian's and PyPI's mirrors.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from executors.shared.settings import ROOT
from tests.images.dockerfiles import BASE, SHARED, file_of, image

# What the official slim image has beside Debian's minimal one, for its Python.
_LIBRARIES = (
    "ca-certificates,netbase,tzdata,libbz2-1.0,libffi8,libgdbm6t64,liblzma5,libncursesw6,"
    "libreadline8t64,libsqlite3-0,libssl3t64,libuuid1,zlib1g"
)
_PIP = re.compile(r"pip|setuptools|wheel|pkg_resources|_distutils_hack|distutils-precedence")
# How this machine reaches its mirrors, if not by the defaults.
_OWN = ("/etc/pip.conf", "/etc/ssl/certs")


class NoBuilder(Exception):
    """Why no image can be built here."""


class Builder:
    """buildah with a storage of its own."""

    def __init__(self, folder: Path) -> None:
        """Makes the base. Raises `NoBuilder`."""
        missing = [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]
        if os.geteuid() != 0 or missing:
            raise NoBuilder(f"needs root, and of Debian: {', '.join(missing) or 'nothing more'}")
        self._folder = folder
        self.base = image("ledger").base
        certificates = folder / "uv.toml"
        certificates.write_text("system-certs = true\n", encoding="utf-8")
        self._mounts = {path: path for path in _OWN if Path(path).exists()}
        self._mounts[str(certificates)] = "/etc/uv/uv.toml"
        self._stand_in(folder / "base")

    def build(self, name: str) -> None:
        """An image with the stages that it needs."""
        for stage in SHARED:
            self._bud(f"adjudicate-{stage}", BASE, "--target", stage)
        self._bud(f"adjudicate/{name}", file_of(name))

    @contextmanager
    def mounted(self, name: str) -> Iterator[Path]:
        """The file system of an image that was built."""
        container = self._buildah("from", "--pull-never", f"localhost/adjudicate/{name}")
        try:
            yield Path(self._buildah("mount", container))
        finally:
            self._buildah("umount", container)
            self._buildah("rm", container)

    def close(self) -> None:
        """Let go of the storage, which buildah mounts over itself, so that it can be deleted."""
        overlay = str(self._folder / "storage" / "overlay")
        subprocess.run(["umount", "--recursive", overlay], capture_output=True, check=False)

    def _stand_in(self, root: Path) -> None:
        release = self.base.rpartition("-")[2]
        include = f"--include={_LIBRARIES}"
        command = ["debootstrap", "--variant=minbase", include, release, str(root)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise NoBuilder(f"debootstrap: {done.stdout[-500:]}{done.stderr[-500:]}")
        local = root / "usr/local"
        shutil.copytree(sys.base_prefix, local, symlinks=True, dirs_exist_ok=True)
        for path in (local / "lib/python3.11/site-packages").iterdir():
            if not _PIP.match(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for script in (local / "bin").glob("pip*"):
            body = script.read_text(encoding="utf-8").split("\n", 1)[1]
            script.write_text(f"#!/usr/local/bin/python3.11\n{body}", encoding="utf-8")
        subprocess.run(["chroot", str(root), "ldconfig"], check=True)
        path = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        container = self._buildah("from", "scratch")
        self._buildah("add", "--quiet", container, str(root), "/")
        self._buildah("config", "--env", path, container)
        self._buildah("commit", "--quiet", "--rm", container, f"docker.io/library/{self.base}")

    def _bud(self, tag: str, file: Path, *options: str) -> None:
        options += ("--isolation=chroot", "--format=docker", "--layers", "--pull-never")
        options += (f"--ignorefile={ROOT / '.dockerignore'}", f"--file={file}", f"--tag={tag}")
        for source, place in self._mounts.items():
            options += (f"--volume={source}:{place}:ro",)
        self._buildah("bud", *options, str(ROOT))

    def _buildah(self, *arguments: str) -> str:
        storage = ["--root", str(self._folder / "storage"), "--runroot", str(self._folder / "run")]
        command = ["buildah", "--storage-driver", "overlay", *storage, *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout.strip()
