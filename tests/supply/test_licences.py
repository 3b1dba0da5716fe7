"""A package under a licence that nobody allowed, or that nobody can tell, fails the build."""

from __future__ import annotations

from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from supply.inventory import Package, installed, inventory, refused
from supply.licences import Rules, UnknownLicence
from supply.page import PAGE, page
from supply.pins import ALL, Pin, read_pins

RULES = Rules.read()


class Stated(Distribution):
    """A package that states this, and whose LICENSE says that."""

    def __init__(self, folder: Path, name: str, text: str = "", **stated: str) -> None:
        self._message = Message()
        self._message["Name"], self._message["Version"] = name, "1"
        for key, value in stated.items():
            self._message[key.replace("_", "-")] = value
        self._folder = folder
        (folder / "LICENSE").write_text(text)

    @property
    def metadata(self) -> Any:
        return self._message

    def read_text(self, filename: str) -> str | None:
        return "LICENSE,," if filename == "RECORD" else None

    def locate_file(self, path: Any) -> Any:
        return self._folder / path


@pytest.fixture(scope="module")
def packages() -> list[Package]:
    return inventory(RULES)


def test_every_package_is_under_an_allowed_licence(packages: list[Package]) -> None:
    assert refused(RULES, packages) == []
    # TORCH=cpu leaves twenty out.
    assert len(packages) > 0.9 * len(read_pins(ALL))


def test_the_page_says_what_is_installed(packages: list[Package]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    if len(packages) == len(read_pins(ALL)):
        assert text == page(RULES, packages), "`make licences` writes it anew"
    for line in page(RULES, packages).splitlines():
        if line.count("|") == 5:  # a package
            assert line in text, "`make licences` writes it anew"


def test_licences_yml_names_no_package_that_is_gone() -> None:
    pins = read_pins(ALL)
    assert RULES.clarified.keys() <= pins.keys()
    for rule in RULES.conditional.values():
        for pattern in rule.packages:
            alone = type(rule)(rule.why, (pattern,))
            assert any(alone.covers(name) for name in pins), pattern


@pytest.mark.parametrize(
    ("package", "licence", "allowed"),
    [
        ("new", "MIT", True),
        ("new", "GPL-3.0-only", False),
        ("new", "AGPL-3.0-or-later", False),
        ("new", "MIT OR GPL-2.0-only", True),
        ("new", "MIT AND GPL-2.0-only", False),
        ("new", "Apache-2.0 WITH LLVM-exception", False),
        ("new", "LGPL-3.0-only", False),
        ("psycopg", "LGPL-3.0-only", True),
        ("new", "LicenseRef-NVIDIA-Proprietary", False),
        ("nvidia-cublas", "LicenseRef-NVIDIA-Proprietary", True),
        ("nvidia-cublas", "GPL-3.0-only", False),
    ],
)
def test_one_of_a_choice_and_all_of_a_sum_must_be_allowed(
    package: str, licence: str, allowed: bool
) -> None:
    assert RULES.allows(package, licence) is allowed
    found = [Package(Pin(package, "1", frozenset()), licence, ())]
    assert [package in line for line in refused(RULES, found)] == ([] if allowed else [True])


@pytest.mark.parametrize(
    ("stated", "licence"),
    [
        ({"License_Expression": "MIT OR Apache-2.0", "License": "GPL"}, "MIT OR Apache-2.0"),
        ({"License": "BSD-3-Clause"}, "BSD-3-Clause"),
        ({"License": "MIT License"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
        ({"License": "GNU\nlong", "Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
    ],
)
def test_a_licence_is_read_from_the_clearest_words(
    tmp_path: Path, stated: dict[str, str], licence: str
) -> None:
    assert RULES.licence(Stated(tmp_path, "new", **stated)) == licence


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"License": "BSD"},
        {"License": "see the file"},
        {"Classifier": "License :: OSI Approved :: BSD License"},
    ],
)
def test_a_vague_licence_is_no_licence(tmp_path: Path, stated: dict[str, str]) -> None:
    with pytest.raises(UnknownLicence, match=r"new 1: its metadata say .+ clarify it in supply"):
        RULES.licence(Stated(tmp_path, "new", "The BSD licence", **stated))


def test_a_clarified_licence_holds_as_long_as_the_file_says_so(tmp_path: Path) -> None:
    said = "BSD 3-Clause\n  License"
    assert RULES.licence(Stated(tmp_path, "traitlets", said, License="x")) == "BSD-3-Clause"
    with pytest.raises(UnknownLicence, match="LICENSE no longer says 'BSD 3-Clause License'"):
        RULES.licence(Stated(tmp_path, "traitlets", "Business Source License", License="x"))


def test_a_package_that_is_installed_unpinned_is_not_the_products() -> None:
    assert "pip" in installed()
    assert "pip" not in {package.pin.name for package in inventory(RULES)}
