"""What the Dockerfiles say: each image's steps and settings, its stages resolved.

It reads the part of the language that they use. Anything else raises `NotUnderstood`, so that a new
instruction is not passed over in silence.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from dockerfile_parse import DockerfileParser

from executors.shared.settings import ROOT

ROOMS = ("gateway", "encoder", "library", "judge", "ledger")
IMAGES = (*ROOMS, "client")
BASE = ROOT / "executors" / "Dockerfile"
SHARED = ("tools", "project", "runtime")
"""Stages of `BASE` that the others name as contexts, with `adjudicate-` before."""


class NotUnderstood(Exception):
    """An instruction that is not read here."""


@dataclass(frozen=True)
class Copy:
    """Paths into the image: of the repository, or of another stage."""

    sources: tuple[str, ...]
    destination: str
    stage: Image | None


@dataclass(frozen=True)
class Run:
    """A command of the build, its options and line ends taken out."""

    command: str


@dataclass(frozen=True)
class Image:
    """A stage, with everything that the stages below it have done."""

    base: str = ""
    steps: tuple[Copy | Run, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str = "0"
    workdir: str = "/"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()

    @property
    def runs(self) -> list[str]:
        return [step.command for step in self.steps if isinstance(step, Run)]


def file_of(image: str) -> Path:
    """The Dockerfile of a room's image, or of the client's."""
    folder = ROOT / ("client" if image == "client" else f"executors/{image}")
    return folder / "Dockerfile"


def image(name: str, arguments: Mapping[str, str] | None = None) -> Image:
    """The image of a room, or the client's, with the build's arguments."""
    stages = read(BASE, {}, arguments)
    contexts = {f"adjudicate-{stage}": stages[stage] for stage in SHARED}
    return read(file_of(name), contexts, arguments)[""]


def read(
    path: Path, contexts: Mapping[str, Image], arguments: Mapping[str, str] | None = None
) -> dict[str, Image]:
    """A file's stages by name; "" is the last one. `contexts` are images that FROM may name."""
    return _Reading(path, contexts, arguments or {}).stages


class _Reading:
    def __init__(
        self, path: Path, contexts: Mapping[str, Image], arguments: Mapping[str, str]
    ) -> None:
        self.stages: dict[str, Image] = {}
        self._contexts = contexts
        self._given = arguments
        self._global: dict[str, str] = {}
        self._scope = self._global
        self._name = ""
        self._image: Image | None = None
        with path.open("rb") as file:
            for part in DockerfileParser(fileobj=file).structure:
                if part["instruction"] != "COMMENT":
                    self._do(part["instruction"], part["value"])
        assert self._image is not None
        self.stages[self._name] = self.stages[""] = self._image

    def _do(self, instruction: str, value: str) -> None:
        if instruction == "FROM":
            self._from(value)
            return
        if instruction == "ARG":
            self._argument(value)
            return
        change = _CHANGES.get(instruction)
        if change is None or self._image is None:
            raise NotUnderstood(f"{instruction} {value}")
        keep = instruction in ("RUN", "ENTRYPOINT", "CMD", "HEALTHCHECK")
        self._image = change(self, self._image, value if keep else self._filled(value))

    def _from(self, value: str) -> None:
        if self._image is not None:
            self.stages[self._name] = self._image
        name, _, stage = self._filled(value).partition(" AS ")
        known = {**self._contexts, **self.stages}
        self._image = known.get(name) or Image(base=name)
        self._name = stage
        self._scope = {}

    def _argument(self, value: str) -> None:
        name, _, default = value.partition("=")
        self._scope[name] = self._given.get(name, self._global.get(name, default))

    def _filled(self, value: str) -> str:
        environment = self._image.environment if self._image else {}
        known = {**self._global, **self._scope, **environment}
        return re.sub(r"\$\{(\w+)\}", lambda found: known[found[1]], value)

    def copy(self, image: Image, value: str) -> Image:
        words = shlex.split(value)
        options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        if options.keys() - {"from", "chmod"}:
            raise NotUnderstood(f"COPY {value}")
        *sources, destination = [word for word in words if not word.startswith("--")]
        stage = {**self._contexts, **self.stages}[options["from"]] if "from" in options else None
        folder = "/" if destination.endswith("/") else ""
        path = str(PurePosixPath(image.workdir, destination)) + folder
        return replace(image, steps=(*image.steps, Copy(tuple(sources), path, stage)))


def _run(_: _Reading, image: Image, value: str) -> Image:
    command = re.sub(r"^(--\S+\s+)+", "", value)
    return replace(image, steps=(*image.steps, Run(" ".join(command.split()))))


def _pairs(value: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(value))


def _exec_form(value: str) -> tuple[str, ...]:
    if not value.startswith("["):
        raise NotUnderstood(f"{value}: the shell would take the signals")
    return tuple(json.loads(value))


def _health(_: _Reading, image: Image, value: str) -> Image:
    if value == "NONE":
        return replace(image, health=())
    return replace(image, health=_exec_form(value[value.index("CMD") + 3 :].strip()))


_CHANGES: dict[str, Callable[[_Reading, Image, str], Image]] = {
    "COPY": _Reading.copy,
    "RUN": _run,
    "ENV": lambda _, i, value: replace(i, environment={**i.environment, **_pairs(value)}),
    "LABEL": lambda _, i, value: replace(i, labels={**i.labels, **_pairs(value)}),
    "WORKDIR": lambda _, i, value: replace(i, workdir=str(PurePosixPath(i.workdir, value))),
    "USER": lambda _, i, value: replace(i, user=value),
    "ENTRYPOINT": lambda _, i, value: replace(i, entrypoint=_exec_form(value), command=()),
    "CMD": lambda _, i, value: replace(i, command=_exec_form(value)),
    "HEALTHCHECK": _health,
    "EXPOSE": lambda _, i, value: replace(i, ports=tuple(int(port) for port in value.split())),
    "VOLUME": lambda _, i, value: replace(i, volumes=(*i.volumes, *value.split())),
}
