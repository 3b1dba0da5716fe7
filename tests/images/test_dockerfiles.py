"""What the Dockerfiles promise, read from them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from executors.shared.settings import ROOT
from tests.images.dockerfiles import (
    BASE,
    IMAGES,
    ROOMS,
    SHARED,
    NotUnderstood,
    file_of,
    image,
    read,
)
from tests.images.requirements import pinned
from tests.images.roots import files_sent

TOOLS = ROOT / ".venv" / "tools" / "bin"
FILES = [BASE, *map(file_of, IMAGES)]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = PROJECT["project"]["version"]


def stages() -> dict[str, Any]:
    return read(BASE, {})


def bake() -> dict[str, list[dict[str, Any]]]:
    """docker-bake.hcl, by the parser that checkov brings."""
    script = "import hcl2, json, sys; print(json.dumps(hcl2.load(open(sys.argv[1]))))"
    command = [str(TOOLS / "python"), "-c", script, str(ROOT / "docker-bake.hcl")]
    if not (TOOLS / "python").exists():
        pytest.skip("the linters are not installed: make tools")
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_hadolint_finds_nothing() -> None:
    hadolint = TOOLS / "hadolint"
    if not hadolint.exists():
        pytest.skip("the linters are not installed: make tools")
    done = subprocess.run([str(hadolint), *map(str, FILES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_as_one_user_that_is_not_root(name: str) -> None:
    assert image(name).user == "10001:10001"


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_of_one_patch_release_of_python_and_debian(name: str) -> None:
    found = re.fullmatch(r"python:(\d+\.\d+)\.\d+-slim-[a-z]+", image(name).base)
    assert found is not None
    assert PROJECT["project"]["requires-python"].startswith(f">={found[1]},")


def test_the_base_can_be_given_with_its_digest() -> None:
    base = "python:3.11.16-slim-trixie@sha256:" + 64 * "0"
    assert image("ledger", {"PYTHON_IMAGE": base}).base == base


@pytest.mark.parametrize("name", IMAGES)
def test_nothing_that_builds_is_left_in_an_image(name: str) -> None:
    """Stages are copied from; what remains is what the last one and its own stages did."""
    runs = image(name).runs
    (command,) = runs
    assert not re.search(r"\b(apt-get|pip) install", command)
    assert "pip uninstall --yes --root-user-action=ignore pip setuptools wheel" in command
    assert "rm -rf /usr/local/lib/python3.11/ensurepip" in command
    assert not {"uv", "cython", "wheel"} & pinned(name).keys()


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_says_what_it_is(name: str) -> None:
    labels = image(name, {"REVISION": "abc"}).labels
    prefix = "org.opencontainers.image"
    assert labels[f"{prefix}.title"] == f"adjudicate/{name}"
    assert labels[f"{prefix}.version"] == VERSION
    assert labels[f"{prefix}.revision"] == "abc"
    assert labels[f"{prefix}.licenses"] == PROJECT["project"]["license"]
    assert labels[f"{prefix}.description"].endswith(".")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_jinas_executor_in_the_folder_of_its_configuration(room: str) -> None:
    made = image(room)
    kind = "gateway" if room == "gateway" else "executor"
    assert made.entrypoint == ("jina", kind, "--uses", "config.yml")
    assert made.workdir == f"/app/executors/{room}"
    assert made.health == ("python", "-m", "executors.shared.health.probe", room)


@pytest.mark.parametrize("room", ["gateway", "library", "ledger"])
def test_a_room_with_tables_has_a_volume_where_its_database_is(room: str) -> None:
    made = image(room)
    (volume,) = made.volumes
    assert made.environment["ADJUDICATE_DATABASE"].startswith(f"sqlite:///{volume}/")


def test_every_image_is_baked_from_the_stages_that_its_file_names() -> None:
    content = bake()
    variables = {name: body for block in content["variable"] for name, body in block.items()}
    targets = {name: body for block in content["target"] for name, body in block.items()}
    assert variables["VERSION"]["default"] == [VERSION]
    assert variables["PYTHON_IMAGE"]["default"] == [stages()["tools"].base]
    (contexts,) = targets["image"]["contexts"]
    assert contexts == {f"adjudicate-{stage}": f"target:{stage}" for stage in SHARED}
    (matrix,) = targets["stage"]["matrix"]
    assert matrix["stage"] == list(SHARED)
    made = {
        (room, "".join(map(str, target["tags"][0])))
        for target in targets.values()
        if "tags" in target
        for room in target.get("matrix", [{"room": ["client"]}])[0]["room"]
    }
    tag = "${REGISTRY}adjudicate/${room}:${VERSION}"
    cuda = {(room, f"{tag}-cuda") for room in ("encoder", "library", "judge")}
    assert made == {(room, tag) for room in ROOMS} | cuda | {
        ("client", tag.replace("${room}", "client"))
    }


@pytest.mark.parametrize("name", ["encoder", "library", "judge"])
def test_torch_is_chosen_by_an_argument(name: str) -> None:
    text = file_of(name).read_text(encoding="utf-8")
    assert re.search(r"^ARG TORCH=cpu$", text, re.M)


def test_an_instruction_that_is_not_known_here_is_no_silence(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM scratch\nADD x /y\n")
    with pytest.raises(NotUnderstood, match="ADD"):
        read(file, {})
    file.write_text("FROM scratch\nENTRYPOINT jina executor\n")
    with pytest.raises(NotUnderstood, match="signals"):
        read(file, {})


def test_bake_builds_each_image_once_for_its_tag() -> None:
    """By buildx itself, which needs no engine to say what it would build."""
    command = shutil.which("docker-buildx")
    if command is None:
        pytest.skip("docker-buildx is not installed (Debian 13: docker-buildx)")
    done = subprocess.run(
        [command, "bake", "--print", "default", "cuda"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": "/tmp", "REGISTRY": "r/", "VERSION": "9"},
    )
    targets = json.loads(done.stdout)["target"]
    made = {tag: target for target in targets.values() for tag in target.get("tags", [])}
    cuda = {f"r/adjudicate/{room}:9-cuda" for room in ("encoder", "library", "judge")}
    assert made.keys() == {f"r/adjudicate/{name}:9" for name in IMAGES} | cuda
    for tag, target in made.items():
        assert (ROOT / target["dockerfile"]).exists(), tag
        if room := re.fullmatch(r"r/adjudicate/(encoder|library|judge):9(-cuda)?", tag):
            assert target["args"]["TORCH"] == ("cuda" if room[2] else "cpu")
        for context in target["contexts"].values():
            stage = targets[context.removeprefix("target:")]
            assert stage["dockerfile"] == "executors/Dockerfile"
            assert stage["args"]["VERSION"] == "9"


def test_a_build_is_sent_what_the_images_take_and_nothing_else() -> None:
    """No data, no keys, no history, whatever lies in the repository's folder."""
    sent = [Path(path) for path in files_sent()]
    assert {path.parts[0] for path in sent} == {
        "client",
        "executors",
        "models",
        "policies",
        "requirements",
        "LICENSE",
        "README.md",
        "pyproject.toml",
    }
    assert {path.parts[1] for path in sent if path.parts[0] == "models"} == {
        "clip",
        "judge",
        "models.yml",
    }
    assert not [path for path in sent if path.suffix == ".pyc" or path.name == "Dockerfile"]
