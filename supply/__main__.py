"""`python -m supply licences | sbom`: what the product is made of."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from supply.bom import environment, images, write
from supply.inventory import Package, inventory, refused
from supply.licences import Rules, UnknownLicence
from supply.page import PAGE, page
from supply.pins import ALL, read_pins


def main() -> int:
    """Run the command of the arguments. Return 1 where a licence is refused or unknown."""
    arguments = _parser().parse_args()
    try:
        rules = Rules.read()
        packages = inventory(rules)
    except UnknownLicence as unknown:
        return _failed([str(unknown)])
    if arguments.command == "licences":
        return _licences(rules, packages)
    return _sbom(packages, arguments.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m supply", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("licences", help=f"check them and write {PAGE.name}")
    sbom = commands.add_parser("sbom", help="write the bills of materials")
    sbom.add_argument("--out", type=Path, default=Path("out/sbom"), help="a folder")
    return parser


def _licences(rules: Rules, packages: list[Package]) -> int:
    if wrong := refused(rules, packages):
        return _failed(wrong)
    missing = read_pins(ALL).keys() - {package.pin.name for package in packages}
    if missing:
        return _failed(
            [
                f"{PAGE.name} lists all packages, and {len(missing)} are not installed here, such "
                f"as {min(missing)}: run `make setup` without TORCH."
            ]
        )
    PAGE.write_text(page(rules, packages), encoding="utf-8")
    print(f"{len(packages)} packages, all allowed; docs/{PAGE.name} is written")
    return 0


def _sbom(packages: list[Package], out: Path) -> int:
    everything = environment()
    bills = {"environment": everything, **images(everything, packages)}
    for name, bom in bills.items():
        path = out / f"{name}.cdx.json"
        write(bom, path)
        print(f"{path}: {len(bom.components)} components")
    return 0


def _failed(said: list[str]) -> int:
    for line in said:
        print(line, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
