"""The installed packages with their licences: what docs/licences.md and the bills are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions

from packaging.utils import canonicalize_name

from supply.licences import Rules
from supply.pins import ALL, Pin, image_pins, read_pins


@dataclass(frozen=True)
class Package:
    """A pinned package that is installed here."""

    pin: Pin
    licence: str
    """An SPDX expression."""
    images: tuple[str, ...]
    """Those that have it; none: it is for development."""


def installed() -> dict[str, Distribution]:
    """Return the environment's packages by canonical name."""
    return {canonicalize_name(found.name): found for found in distributions()}


def inventory(
    rules: Rules,
    pins: Mapping[str, Pin] | None = None,
    here: Mapping[str, Distribution] | None = None,
) -> list[Package]:
    """Return the pinned packages that are installed, by name.

    All but CUDA's with TORCH=cpu. Raises `UnknownLicence` for one whose licence cannot be told.
    """
    here = installed() if here is None else here
    pins = read_pins(ALL) if pins is None else pins
    images = image_pins()
    return [
        Package(
            pins[name],
            rules.licence(here[name]),
            tuple(image for image in images if name in images[image]),
        )
        for name in sorted(pins.keys() & here.keys())
    ]


def refused(rules: Rules, packages: Iterable[Package]) -> list[str]:
    """Return a sentence for each package whose licence licences.yml does not allow."""
    return [
        f"{package.pin.name} {package.pin.version} is under {package.licence}, which "
        "supply/licences.yml does not allow."
        for package in packages
        if not rules.allows(package.pin.name, package.licence)
    ]
