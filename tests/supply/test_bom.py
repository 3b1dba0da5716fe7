"""The bills of materials name everything that an image installs, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType

from supply.bom import environment, image, images, version, write
from supply.inventory import inventory
from supply.licences import Rules
from supply.pins import ROOT, image_pins
from supply.shipped import models


@pytest.fixture(scope="module")
def everything() -> Bom:
    return environment()


BILLS = ["gateway", "encoder", "encoder-cuda"]
"""Those that are looked at: the others are made alike, and each takes a second."""


@pytest.fixture(scope="module")
def bills(everything: Bom) -> dict[str, Bom]:
    packages = inventory(Rules.read())
    return {name: image(name, everything, packages) for name in BILLS}


def of(bom: Bom, kind: ComponentType) -> dict[str, Component]:
    return {one.name: one for one in bom.components if one.type is kind}


def test_there_is_one_for_each_image_that_is_built(
    everything: Bom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supply.bom.image", lambda name, everything, packages: name)
    baked = (ROOT / "docker-bake.hcl").read_text(encoding="utf-8")
    groups = re.findall(r"^  targets = (\[.+\])$", baked, re.MULTILINE)
    targets = {name for group in groups for name in json.loads(group)}
    assert images(everything, []) == {name: name for name in targets}


@pytest.mark.parametrize("name", BILLS)
def test_it_says_of_what_it_is(bills: dict[str, Bom], name: str) -> None:
    container = bills[name].metadata.component
    assert container is not None
    room = name.removesuffix("-cuda")
    assert (container.name, container.version) == (f"adjudicate/{room}", version())


@pytest.mark.parametrize("bill", ["gateway", "encoder-cuda"])
def test_it_names_each_package_with_its_version_and_hashes(
    bills: dict[str, Bom], bill: str
) -> None:
    found = of(bills[bill], ComponentType.LIBRARY)
    pins = image_pins()[bill.removesuffix("-cuda")]
    assert {name: one.version for name, one in found.items()} == {
        name: pin.version for name, pin in pins.items()
    }
    for name, one in found.items():
        (source,) = one.external_references
        assert {digest.content for digest in source.hashes} == pins[name].hashes
        assert str(one.purl) == f"pkg:pypi/{name}@{one.version}"


def test_every_package_that_is_installed_here_has_its_licence(bills: dict[str, Bom]) -> None:
    found = of(bills["gateway"], ComponentType.LIBRARY)
    assert all(len(one.licenses) == 1 for one in found.values())


def test_without_cuda_it_has_none_of_nvidias_libraries(bills: dict[str, Bom]) -> None:
    without = of(bills["encoder"], ComponentType.LIBRARY)
    left_out = of(bills["encoder-cuda"], ComponentType.LIBRARY).keys() - without.keys()
    assert {"nvidia-cublas", "triton"} <= left_out
    assert all(name.startswith(("nvidia-", "cuda-", "triton")) for name in left_out)
    assert not without["torch"].external_references  # whose hashes nobody knows beforehand


def test_it_names_the_model_by_its_hash(bills: dict[str, Bom]) -> None:
    (model,) = of(bills["encoder"], ComponentType.MACHINE_LEARNING_MODEL).values()
    assert model.name == "models/clip"
    assert [digest.content for digest in model.hashes] == [models()["clip"].sha256]
    assert not of(bills["gateway"], ComponentType.MACHINE_LEARNING_MODEL)


def test_from_the_image_every_part_is_reached(bills: dict[str, Bom]) -> None:
    for bom in bills.values():
        needs = {str(one.ref): {str(to.ref) for to in one.dependencies} for one in bom.dependencies}
        reached, open_ = set[str](), {"image"}
        while open_:
            reached |= open_
            open_ = set[str]().union(*(needs.get(one, set()) for one in open_)) - reached
        assert reached == {"image", *(str(one.bom_ref) for one in bom.components)}


def test_it_is_valid_cyclonedx(bills: dict[str, Bom], tmp_path: Path) -> None:
    path = tmp_path / "bills" / "gateway.cdx.json"
    write(bills["gateway"], path)
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.6")
    assert "torch" not in {one["name"] for one in said["components"]}


def test_what_is_not_valid_is_not_written(tmp_path: Path) -> None:
    wrong = Bom(components=[Component(name="x", mime_type="no type at all")])
    with pytest.raises(ValueError, match=r"x\.json: "):
        write(wrong, tmp_path / "x.json")
    assert not (tmp_path / "x.json").exists()


def test_the_environments_bill_has_the_tools_of_development_too(everything: Bom) -> None:
    assert {"pytest", "torch", "jina"} <= {one.name for one in everything.components}
