"""docs/licences.md, from what is installed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from supply.inventory import Package
from supply.licences import Rules
from supply.pins import ROOT
from supply.shipped import FONTS, LICENCE, fonts, models

PAGE = ROOT / "docs" / "licences.md"

_HEAD = """\
# Licences

`make licences` writes this page from what is installed, and fails on a licence that
[supply/licences.yml](../supply/licences.yml) does not allow; a test does the same. Adjudicate
itself is under [Apache-2.0](../LICENSE). How the packages are pinned and checked:
[supply chain](supply-chain.md).

The licences are what the packages state. Where their metadata are vague, the text was read, and
`licences.yml` names the file and the words that settle it. Wheels carry compiled libraries inside
(OpenBLAS in numpy, libpq in psycopg-binary); their notices lie in the packages' `dist-info`
folders, and so in the images. The base image has Debian's packages; their licences are in it under
`/usr/share/doc`.
"""


def page(rules: Rules, packages: Iterable[Package]) -> str:
    """Return the page's text."""
    packages = list(packages)
    return "\n".join(
        [_HEAD, *_conditions(rules), *_shipped(), *_counts(packages), *_rows(packages)]
    )


def _conditions(rules: Rules) -> list[str]:
    rows = [
        f"| {licence} | {', '.join(f'`{name}`' for name in rule.packages)} | {rule.why} |"
        for licence, rule in rules.conditional.items()
    ]
    return [
        "## With a condition\n",
        "Others than these may not have such a licence.\n",
        "| licence | packages | why they may |",
        "|---|---|---|",
        *rows,
        "",
    ]


def _shipped() -> list[str]:
    weights = [
        f"| [{name}](../{model.card.relative_to(ROOT)}) | {LICENCE} | `{model.sha256}` |"
        for name, model in models().items()
    ]
    faces = Counter(font.licence for font in fonts())
    listed = ", ".join(f"{number} {licence}" for licence, number in sorted(faces.items()))
    return [
        "## Models and fonts in the repository\n",
        "| model | licence | SHA-256 of the weights |",
        "|---|---|---|",
        *weights,
        "",
        f"Fonts ({listed}): in no image and no package; each with its source in\n"
        f"[their list](../{(FONTS / 'README.md').relative_to(ROOT)}), and its licence and\n"
        "copyright notice beside it. Weights that you name yourself come with their own.\n",
    ]


def _counts(packages: list[Package]) -> list[str]:
    counts = Counter(package.licence for package in packages)
    rows = [f"| {licence} | {number} |" for licence, number in sorted(counts.items())]
    return ["## Packages by licence\n", "| licence | packages |", "|---|---|", *rows, ""]


def _rows(packages: list[Package]) -> list[str]:
    rows = [
        f"| {package.pin.name} | {package.pin.version} | {package.licence} | "
        f"{', '.join(package.images) or '—'} |"
        for package in packages
    ]
    return [
        "## Packages\n",
        "In the images that the last column names; the others are for development and its tests.\n",
        "| package | version | licence | images |",
        "|---|---|---|---|",
        *rows,
        "",
    ]
