"""What was measured, as a file that `adjudicate capacity --costs` reads.

`python -m benchmarks._scale_page` puts them into the shipped file.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import yaml

from adjudicate.capacity.figures import shipped
from executors.shared.settings import ROOT

PATH = Path("out") / "bench" / "costs.yml"
SHIPPED = ROOT / "client" / "adjudicate" / "capacity" / "costs.yml"
_DIGITS = 3


class Costs:
    """Figures by their names in `SHIPPED`."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}

    def put(self, name: str, value: float) -> None:
        """Raises `KeyError` for a name that no plan knows."""
        shipped().of(name)
        self._values[name] = float(f"{value:.{_DIGITS}g}")

    def write(self) -> Path:
        """The file, with the source of each figure."""
        day = datetime.now(UTC).date().isoformat()
        source = f"make bench NAME=scale, {day}"
        named = {name: {"value": value, "source": source} for name, value in self._values.items()}
        PATH.parent.mkdir(parents=True, exist_ok=True)
        PATH.write_text(yaml.safe_dump(named, sort_keys=True))
        return PATH


def with_values(text: str, values: dict[str, float]) -> str:
    """The shipped file's text with other numbers.

    Raises `ValueError` for a figure that is not there, or not one that is measured.
    """
    for name, value in values.items():
        section, _, figure = name.partition(".")
        here = re.compile(
            rf"(^{section}:\n(?:  .*\n)*?  {figure}:\n    value: )(\S+)(?=\n    unit: .*\n"
            r"    kind: measured\n)",
            re.MULTILINE,
        )
        text, count = here.subn(rf"\g<1>{value:g}", text)
        if count != 1:
            raise ValueError(f"{name} is no measured figure of {SHIPPED.name}")
    return text


def main() -> None:
    """Put the last measurement into the shipped file."""
    measured = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    values = {name: figure["value"] for name, figure in measured.items()}
    SHIPPED.write_text(with_values(SHIPPED.read_text(encoding="utf-8"), values), encoding="utf-8")
    print(f"{len(values)} figures of {PATH} put into {SHIPPED.relative_to(ROOT)}")
