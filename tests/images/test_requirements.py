"""Each image installs what its code imports, by hash, in the versions that are tested."""

from __future__ import annotations

import re

import pytest

from tests.images.dockerfiles import IMAGES, ROOMS
from tests.images.imports import needed
from tests.images.requirements import everything, file_of, pinned

CUDA = re.compile(r"^(torch|torchvision|triton|cuda-.*|nvidia-(?!ml-py).*)$")
ENTRIES = {room: [f"executors.{room}.executor", "executors.container.command"] for room in ROOMS}
ENTRIES["encoder"] += ["executors.reembed", "executors.encoder.onnx_export"]


@pytest.mark.parametrize("name", [*IMAGES, "build", "uv"])
def test_every_package_has_its_hashes(name: str) -> None:
    text = file_of(name).read_text(encoding="utf-8")
    for part in re.split(r"\n(?=[a-z])", text):
        if "==" in part.partition("\n")[0]:
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", part), part


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_has_the_versions_that_the_tests_run_with(name: str) -> None:
    tested = everything()
    assert {package: tested.get(package) for package in pinned(name)} == pinned(name)


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_rooms_code_imports_is_installed(room: str) -> None:
    wanted: dict[str, str] = {}
    for module in ENTRIES[room]:
        wanted |= needed(module)
    missing = {package: by for package, by in wanted.items() if package not in pinned(room)}
    assert missing == {}


@pytest.mark.parametrize("name", ["gateway", "ledger", "client"])
def test_an_image_without_a_model_has_no_torch(name: str) -> None:
    assert [package for package in pinned(name) if CUDA.match(package)] == []


def test_the_client_has_no_part_of_the_service() -> None:
    service = {"sqlalchemy", "transformers", "open-clip-torch", "pillow", "limits", "pyjwt"}
    assert service & pinned("client").keys() <= {"pillow"}  # bulk reads pictures' sizes
