"""An exported decision as a line of CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from adjudicate.documents import ExportRow

COLUMNS = tuple(name for name in ExportRow.model_fields if name != "problem")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Iterable[Any]) -> str:
    """One line of CSV by RFC 4180. Lists and objects are JSON; text that a spreadsheet would take
    for a formula begins with an apostrophe: an ad's copy is a stranger's."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(_cell(cell) for cell in cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False) if value else ""
    return f"'{text}" if text.startswith(_FORMULA) else text
