"""Bills of materials in CycloneDX 1.6: of the development environment, and of each image.

cyclonedx-py describes what is installed; here each image gets the part of it that its requirements
name, with the hashes that installing accepts, the licences as licences.yml has them, and the model
that the image carries. Specification: https://cyclonedx.org/docs/1.6/json/.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseAcknowledgement, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from supply.inventory import Package
from supply.pins import IMAGES, ROOT, Pin, read_pins, without_cuda
from supply.shipped import IMAGE_MODELS, LICENCE, models

CUDA_IMAGES = ("encoder", "library", "judge")
"""Those with PyTorch: once without CUDA, once with it, as docker-bake.hcl builds them."""


def version() -> str:
    """The product's own, from pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def environment() -> Bom:
    """Return what is installed here, as cyclonedx-py describes it. It takes a few seconds."""
    # Reproducible: without the time and without a number by chance, the same twice.
    command = [
        *(sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"),
        "--no-validate",  # `write` does
        *("--sv", "1.6", "--pyproject", str(ROOT / "pyproject.toml"), sys.executable),
    ]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Bom.from_json(json.loads(said))


def images(everything: Bom, packages: Iterable[Package]) -> dict[str, Bom]:
    """Return the bill of each image by its name, those with CUDA as `<room>-cuda`."""
    names = [*IMAGES, *(f"{name}-cuda" for name in CUDA_IMAGES)]
    packages = list(packages)
    return {name: image(name, everything, packages) for name in names}


def image(name: str, everything: Bom, packages: Iterable[Package]) -> Bom:
    """Return the bill of one image."""
    room, _, cuda = name.partition("-")
    pins = read_pins(ROOT / "requirements" / f"{room}.txt")
    licences = {package.pin.name: package.licence for package in packages}
    return _bill(room, pins if cuda else without_cuda(pins), everything, licences)


def _bill(name: str, pins: Mapping[str, Pin], everything: Bom, licences: Mapping[str, str]) -> Bom:
    parts = {pin.name: _part(pin, licences.get(pin.name)) for pin in pins.values()}
    product = Component(
        name="adjudicate",
        version=version(),
        type=ComponentType.APPLICATION,
        bom_ref="adjudicate",
        licenses=[LicenseExpression(LICENCE, acknowledgement=LicenseAcknowledgement.DECLARED)],
    )
    container = Component(
        name=f"adjudicate/{name}", version=version(), type=ComponentType.CONTAINER, bom_ref="image"
    )
    bom = Bom(components=[product, *parts.values()])
    bom.metadata.component = container
    carried = [_model(IMAGE_MODELS[name])] if name in IMAGE_MODELS else []
    bom.components.update(carried)
    needs = _needs(everything)
    inner = set[str]().union(*(needs.get(part, set()) for part in parts))
    direct = (parts.keys() - inner) | (parts.keys() & needs["root-component"])
    bom.register_dependency(container, [product, *carried])
    bom.register_dependency(product, [parts[part] for part in sorted(direct)])
    for part, component in parts.items():
        bom.register_dependency(
            component, [parts[one] for one in needs.get(part, ()) if one in parts]
        )
    return bom


def _part(pin: Pin, licence: str | None) -> Component:
    source = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(f"https://pypi.org/project/{pin.name}/{pin.version}/#files"),
        comment="any one of the files with these hashes, one for each platform",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.hashes],
    )
    concluded = LicenseAcknowledgement.CONCLUDED
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{pin.name}=={pin.version}",
        purl=PackageURL("pypi", name=pin.name, version=pin.version),
        licenses=[LicenseExpression(licence, acknowledgement=concluded)] if licence else [],
        # PyTorch without CUDA is not PyPI's, and its hashes are not known beforehand.
        external_references=[source] if pin.hashes else [],
    )


def _model(folder: str) -> Component:
    model = models()[folder]
    return Component(
        name=f"models/{folder}",
        version=version(),
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"models/{folder}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=model.sha256)],
        licenses=[LicenseExpression(LICENCE, acknowledgement=LicenseAcknowledgement.DECLARED)],
    )


def _needs(everything: Bom) -> dict[str, set[str]]:
    """Package by package, what it needs, in canonical names."""
    return {
        _name(str(one.ref)): {_name(str(needed.ref)) for needed in one.dependencies}
        for one in everything.dependencies
    }


def _name(reference: str) -> str:
    return canonicalize_name(reference.partition("==")[0])


def write(bom: Bom, path: Path) -> None:
    """Write a bill as JSON. Raises `ValueError` if it is not valid CycloneDX."""
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"{path.name}: {problem}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
