"""The file system of an image, made without a container engine, and what runs in it.

COPY, WORKDIR, ENV, USER and the commands are the Dockerfile's own. What RUN does is done by the
hands of `_BY_HAND`, one for each kind of command; a command of another kind raises `NotUnderstood`.
The packages are those of the room's own requirements, by hash. In place of the base image stand the
Debian and the Python of this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from docker.utils.build import exclude_paths

from executors.shared.settings import ROOT
from tests.images.dockerfiles import Copy, Image, NotUnderstood, Run

UID = 10001
UV = Path(sys.executable).with_name("uv")
BWRAP = shutil.which("bwrap")
_VENV = PurePosixPath("/opt/venv")
_PYTHON = PurePosixPath("/usr/local/bin/python3.11")
_SYSTEM = ("usr", "etc", "proc", "dev", "tmp", "opt", "app", "models", "var/lib/adjudicate")
_MERGED = ("bin", "sbin", "lib", "lib64")


class NoSandbox(Exception):
    """Nothing here can run a command in another root. The message says why."""


ALONE = ("--dev-bind", "/", "/", "--unshare-net", "--die-with-parent", "--cap-add", "ALL")
"""bubblewrap's options for this machine as it is, with no network but loopback."""


def require_sandbox() -> None:
    """Raises `NoSandbox` where there is no bubblewrap that may do its work."""
    if BWRAP is None:
        raise NoSandbox("bwrap is not installed (Debian: bubblewrap)")
    tried = subprocess.run([BWRAP, *ALONE, "true"], capture_output=True, check=False)
    if tried.returncode:
        raise NoSandbox("bwrap may not make namespaces here")


@dataclass(frozen=True)
class Root:
    """The root of an image, below a folder, and a volume of it. `make_root` makes them."""

    image: Image
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "root"

    @property
    def data(self) -> Path:
        """What is mounted in the image's volumes."""
        return self.folder / "data"

    def prefix(self, *, data: Path | None = None, hosts: Path | None = None) -> list[str]:
        """What goes before a command that is to run here, as process 1: bubblewrap, with a root
        file system that cannot be written to, the image's user, and a /tmp of its own.

        `data` is mounted in the image's volumes, `hosts` as /etc/hosts. Variables of the caller
        stay, but for those that the image sets.
        """
        assert BWRAP is not None
        user, _, group = self.image.user.partition(":")
        command = [BWRAP, "--die-with-parent", "--unshare-pid", "--as-pid-1"]
        command += ["--ro-bind", str(self.path), "/"]
        command += ["--ro-bind", "/usr", "/usr", "--ro-bind", sys.base_prefix, "/usr/local"]
        if sys.base_prefix not in ("/usr", "/usr/local"):
            # Where its own library is looked for by the executable.
            command += ["--ro-bind", sys.base_prefix, sys.base_prefix]
        command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
        command += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
        for volume in self.image.volumes:
            command += ["--bind", str(data or self.data), volume]
        if hosts is not None:
            command += ["--ro-bind", str(hosts), "/etc/hosts"]
        command += ["--chdir", self.image.workdir]
        for name, value in self.image.environment.items():
            command += ["--setenv", name, value]
        if os.geteuid() != 0:
            return [*command, "--unshare-user", "--uid", user, "--gid", group, "--"]
        # Really another user, so that a file which only root may read is found.
        command += [
            "--cap-add",
            "CAP_SETUID",
            "--cap-add",
            "CAP_SETGID",
            "--cap-add",
            "CAP_SETPCAP",
        ]
        drop = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs"]
        return [*command, "--", *drop, "--inh-caps=-all", "--bounding-set=-all"]


def make_root(image: Image, folder: Path) -> Root:
    """Make the root of an image below a folder that is not there yet.

    Raises `NotUnderstood`, and `FileNotFoundError` for a COPY of what is not there or what
    .dockerignore keeps out.
    """
    folder.mkdir(parents=True)
    made = Root(image, folder)
    _make(image, folder, made.path)
    for place in (*_SYSTEM, image.workdir, sys.base_prefix):
        _under(made.path, place).mkdir(parents=True, exist_ok=True)
    for place in _MERGED:
        (made.path / place).symlink_to(f"usr/{place}")
    for place in ("ld.so.cache", "hosts"):
        (made.path / "etc" / place).touch()  # to mount another there
    (made.path / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    made.data.mkdir()
    if os.geteuid() == 0:
        os.chown(made.data, UID, UID)
    return made


def _make(image: Image, folder: Path, root: Path) -> None:
    root.mkdir(parents=True)
    for step in image.steps:
        if isinstance(step, Run):
            _by_hand(step.command, root)
        elif step.stage is None:
            _copy_context(step, root)
        else:
            below = folder / f"stage-{len(list(folder.iterdir()))}"
            _make(step.stage, below, below / "root")
            _copy_stage(step, below / "root", root)


def files_sent() -> list[Path]:
    """The files of a build's context, below the repository's folder."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    found = (Path(path) for path in exclude_paths(str(ROOT), patterns))
    # Every builder has this one; docker-py adds it by itself.
    return [path for path in found if (ROOT / path).is_file() and path.name != ".dockerignore"]


def _copy_context(copy: Copy, root: Path) -> None:
    """Without what .dockerignore keeps out."""
    sent = files_sent()
    for source in copy.sources:
        files = [path for path in sent if path.is_relative_to(source)]
        if not files:
            raise FileNotFoundError(f"COPY {source}: not in the build's context")
        for path in files:
            single = path == Path(source)
            inside = path.name if single and copy.destination.endswith("/") else ""
            inside = inside if single else str(path.relative_to(source))
            target = _under(root, copy.destination) / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, target)


def _copy_stage(copy: Copy, stage: Path, root: Path) -> None:
    for source in copy.sources:
        found = _under(stage, source)
        if not found.exists():
            raise FileNotFoundError(f"COPY --from: no {source}")
        target = _under(root, copy.destination)
        target.mkdir(parents=True, exist_ok=True)
        # Linked: an environment with torch is 5 GB.
        subprocess.run(["cp", "-al", f"{found}/.", str(target)], check=True)


def _under(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _by_hand(command: str, root: Path) -> None:
    for pattern, hand in _BY_HAND.items():
        if found := re.match(pattern, command):
            hand(root, *found.groups())
            return
    raise NotUnderstood(f"RUN {command}")


def _install(root: Path, requirements: str) -> None:
    """As executors/install.sh with TORCH=cuda, whose wheels are those of the file's hashes."""
    venv = _under(root, str(_VENV))
    if not venv.exists():
        _uv("venv", "--relocatable", "--python", sys.executable, str(venv))
    file, built = _under(root, f"/src/{requirements}"), root / "src/requirements/build.txt"
    options = ["--python", str(venv / "bin/python"), "--require-hashes"]
    _uv("pip", "sync", *options, "--build-constraints", str(built), str(file))
    (venv / ".lock").unlink(missing_ok=True)
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to(_PYTHON)
    _compiled(venv)
    cfg = venv / "pyvenv.cfg"
    home = f"home = {_PYTHON.parent}"
    cfg.write_text(re.sub(r"(?m)^home = .*$", home, cfg.read_text(encoding="utf-8")))


def _compiled(venv: Path) -> None:
    """With the bytecode that an image has: this environment's, of the very same files.

    Python checks it by each file's time and size, so what is of another file is not used.
    """
    tested = Path(sysconfig.get_path("purelib"))
    packages = venv / tested.relative_to(sys.prefix)
    for folder in tested.rglob("__pycache__"):
        target = packages / folder.relative_to(tested)
        if target.parent.is_dir() and not target.exists():
            target.mkdir()
            for file in folder.iterdir():
                os.link(file, target / file.name)


def _install_project(root: Path) -> None:
    target, built = root / "app", root / "src/requirements/build.txt"
    options = ["--python", sys.executable, "--target", str(target), "--no-deps"]
    _uv("pip", "install", *options, "--build-constraints", str(built), str(root / "src"))
    (target / ".lock").unlink(missing_ok=True)
    script = target / "bin" / "adjudicate"
    body = script.read_text(encoding="utf-8").replace(sys.executable, f"{_VENV}/bin/python")
    script.write_text(body, encoding="utf-8")


def _client(root: Path) -> None:
    """What the client's image takes."""
    client = root / "client"
    client.mkdir()
    for path in (root / "app").iterdir():
        if path.name != "executors":
            subprocess.run(["cp", "-al", str(path), str(client)], check=True)


def _user(root: Path) -> None:
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text(f"adjudicate:x:{UID}:{UID}::/tmp:/usr/sbin/nologin\n")
    (root / "etc/group").write_text(f"adjudicate:x:{UID}:\n")


def _uv(*arguments: str) -> None:
    """From the cache where that has everything, else from the index."""
    quiet = [str(UV), "--quiet"]
    if subprocess.run([*quiet, "--offline", *arguments], capture_output=True).returncode:
        subprocess.run([*quiet, *arguments], check=True)


def _nothing(root: Path) -> None:
    """Of the base: uv and a compiler are this machine's."""


_BY_HAND: dict[str, Callable[..., None]] = {
    r"apt-get update && apt-get install -y --no-install-recommends g\+\+ ": _nothing,
    r"pip install --no-cache-dir --require-hashes -r requirements/uv\.txt$": _nothing,
    r"uv venv --python /usr/local/bin/python3\.11 /opt/venv$": _nothing,
    r"install-requirements (\S+)$": _install,
    r"uv pip install --python \S+ --target /app --no-deps .* \. &&": _install_project,
    r"mkdir /client && cp -a /app/adjudicate /app/adjudicate-\*\.dist-info /app/bin ": _client,
    r"groupadd --gid 10001 adjudicate && useradd --uid 10001 --gid 10001 ": _user,
}
