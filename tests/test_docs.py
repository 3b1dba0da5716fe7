"""What the docs state of the code is true of the code."""

from __future__ import annotations

import re
from pathlib import Path

from adjudicate.errors import STATUS, Code
from executors.shared.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


def test_every_code_has_its_status_on_every_protocol() -> None:
    assert set(STATUS) == set(Code)


def test_the_page_of_errors_is_the_table_of_errors() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    told = {
        (code, int(http), grpc, title)
        for code, http, grpc, title in re.findall(
            r"^\| `(\w+)` \| (\d+) \| (\w+) \| (.+) \|$", page, re.MULTILINE
        )
    }
    assert told == {(str(c), s.http, s.grpc, s.title) for c, s in STATUS.items()}


def test_every_variable_on_the_page_of_settings_is_a_setting() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    known = {f"ADJUDICATE_{name}" for name in Settings.model_fields}
    known |= {"ADJUDICATE_URL", "ADJUDICATE_API_KEY", "ADJUDICATE_CA"}  # the client's
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        known |= {f"ADJUDICATE_{name}__{inside}" for inside in inner}
    known = {name.upper() for name in known}
    for row in re.findall(r"^\| (`ADJUDICATE_.+?) \|", page, re.MULTILINE):
        names = re.findall(r"`(\w+)`", row)
        section = names[0].rsplit("__", 1)[0]
        for name in names:
            full = f"{section}{name}" if name.startswith("__") else name
            assert full in known, full


def test_every_local_link_of_the_docs_leads_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
