"""Each package's licence as an SPDX expression, and whether licences.yml allows it."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

import yaml
from license_expression import ExpressionError, LicenseExpression, get_spdx_licensing
from packaging.utils import canonicalize_name

RULES = Path(__file__).with_suffix(".yml")

_SPDX = get_spdx_licensing()


@dataclass(frozen=True)
class Clarified:
    """What a package's own file says where its metadata are vague."""

    licence: str
    file: str
    words: str


@dataclass(frozen=True)
class Conditional:
    """A licence that some packages may have."""

    why: str
    packages: tuple[str, ...]

    def covers(self, package: str) -> bool:
        return any(fnmatch.fnmatch(package, pattern) for pattern in self.packages)


class UnknownLicence(ValueError):
    """A package's licence cannot be told; the message says what to write into licences.yml."""


@dataclass(frozen=True)
class Rules:
    """licences.yml."""

    allowed: frozenset[str]
    conditional: Mapping[str, Conditional]
    aliases: Mapping[str, str]
    clarified: Mapping[str, Clarified]

    @classmethod
    def read(cls, path: Path = RULES) -> Rules:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return cls(
            frozenset(found["allowed"]),
            {
                name: Conditional(rule["why"], tuple(rule["packages"]))
                for name, rule in found["conditional"].items()
            },
            found["aliases"],
            {name: Clarified(**said) for name, said in found["clarified"].items()},
        )

    def licence(self, package: Distribution) -> str:
        """Return the SPDX expression of an installed package.

        Raises `UnknownLicence` where neither its metadata nor licences.yml tell.
        """
        name = canonicalize_name(package.name)
        if clarified := self.clarified.get(name):
            if clarified.words not in _words(package, clarified.file):
                raise UnknownLicence(
                    f"{name} {package.version}: {clarified.file} no longer says "
                    f"{clarified.words!r}; read it and correct supply/licences.yml."
                )
            return clarified.licence
        for said in _said(package):
            if expression := self._expression(said):
                return expression
        said = " / ".join(_said(package)) or "nothing"
        raise UnknownLicence(
            f"{name} {package.version}: its metadata say {said}; read its licence and clarify it "
            "in supply/licences.yml."
        )

    def _expression(self, said: str) -> str | None:
        try:
            # `validate` refuses words that are no SPDX identifiers.
            return str(_SPDX.parse(self.aliases.get(said, said), validate="NVIDIA" not in said))
        except ExpressionError:
            return None

    def allows(self, package: str, licence: str) -> bool:
        """Whether a package of this name (canonical) may have this licence (SPDX)."""
        return self._holds(package, _SPDX.parse(licence))

    def _holds(self, package: str, licence: LicenseExpression) -> bool:
        if isinstance(licence, _SPDX.OR):
            return any(self._holds(package, one) for one in licence.args)
        if isinstance(licence, _SPDX.AND):
            return all(self._holds(package, one) for one in licence.args)
        key = str(licence)
        rule = self.conditional.get(key)
        return key in self.allowed or (rule is not None and rule.covers(package))


def _said(package: Distribution) -> list[str]:
    """What the metadata say, the clearest first: PEP 639, the free text, the one classifier."""
    metadata = package.metadata
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    said = [metadata.get("License-Expression"), metadata.get("License")]
    said += classifiers if len(classifiers) == 1 else []
    return [line for line in said if line and "\n" not in line]


def _words(package: Distribution, name: str) -> str:
    """The texts of a package's files of that name, their white space evened out."""
    files = [file for file in package.files or () if file.name == name]
    texts = [Path(str(file.locate())).read_text("utf-8", "replace") for file in files]
    return " ".join(" ".join(texts).split())
