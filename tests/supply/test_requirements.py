"""What is installed is pinned, by version and by hash, the same everywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply.pins import ALL, IMAGES, ROOT, image_pins, read_pins, without_cuda

FILES = [ALL, *sorted((ROOT / "requirements").glob("*.txt"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def wanted(extras: list[str]) -> list[Requirement]:
    """The project's own requirements with these extras, and with those that they name."""
    found = [Requirement(line) for line in PROJECT["dependencies"]]
    for extra in extras:
        for line in PROJECT["optional-dependencies"][extra]:
            requirement = Requirement(line)
            if requirement.name == PROJECT["name"]:
                found += wanted(sorted(requirement.extras))
            else:
                found.append(requirement)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_line_has_a_version_and_hashes_and_no_address(path: Path) -> None:
    assert read_pins(path)
    assert not re.search(r"://|^-", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_a_line_without_a_hash_or_a_version_is_refused(tmp_path: Path) -> None:
    good = f"anyio==4.9.0 \\\n    --hash=sha256:{'0' * 64}\n    # via httpx\n"
    path = tmp_path / "requirements.txt"
    path.write_text(f"# by uv\n{good}")
    assert read_pins(path).keys() == {"anyio"}
    for line in ("httpx==0.28.1", f"httpx>=0.28 --hash=sha256:{'0' * 64}", "--pre", "./httpx"):
        path.write_text(f"{good}{line}\n{good}")
        with pytest.raises(ValueError, match=re.escape(str(path))):
            read_pins(path)


def test_the_pins_are_those_that_pyproject_asks_for() -> None:
    pins = read_pins(ALL)
    for requirement in wanted(list(PROJECT["optional-dependencies"])):
        pin = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin.version), f"{requirement}: `make requirements`"


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_installs_what_its_extras_ask_for_as_requirements_txt_pins_it(image: str) -> None:
    pins, everything = image_pins()[image], read_pins(ALL)
    assert {name: everything.get(name) for name in pins} == pins
    said = (ROOT / "requirements" / f"{image}.in").read_text(encoding="utf-8")
    extras = re.findall(r"^\.\[(.+)\]$", said, re.MULTILINE)[0].split(",")
    missing = {canonicalize_name(one.name) for one in wanted(extras)} - pins.keys()
    assert not missing, "`make requirements`"


def test_what_is_built_from_source_is_built_with_pinned_packages_alone() -> None:
    build = read_pins(ROOT / "requirements" / "build.txt")
    assert {"setuptools", "wheel", "cython", "numpy"} <= build.keys()
    everything = read_pins(ALL)
    # numpy and setuptools are what the built package then runs with.
    assert build["numpy"] == everything["numpy"]
    assert build["setuptools"] == everything["setuptools"]


@pytest.mark.skipif(shutil.which("awk") is None, reason="no awk here")
@pytest.mark.parametrize("path", [ALL, ROOT / "requirements" / "judge.txt"], ids=lambda p: p.name)
def test_without_cuda_everything_but_torch_keeps_its_hashes(path: Path) -> None:
    script = ROOT / "requirements" / "without_cuda.awk"
    command = ["awk", "-f", str(script), str(path)]
    left = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = re.findall(r"^([a-z0-9-]+)==(\S+)((?: \\\n    --hash=\S+)*)$", left, re.MULTILINE)
    found = {
        name: (version, frozenset(re.findall("sha256:([0-9a-f]{64})", hashes)))
        for name, version, hashes in lines
    }
    expected = without_cuda(read_pins(path))
    assert found == {name: (pin.version, pin.hashes) for name, pin in expected.items()}
    unhashed = {name for name, (_, hashes) in found.items() if not hashes}
    assert unhashed == {"torch", "torchvision"}
    # The rooms import it wherever they run: it finds out that there is no driver.
    assert "nvidia-ml-py" in found
    assert not {"triton", "nvidia-cublas", "cuda-toolkit"} & found.keys()
