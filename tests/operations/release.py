"""What a release leaves behind and sends: its tables, and its documents as they travel.

`python -m tests.operations.release` writes released/next.json, of this tree; when it is released,
the file gets its version's name. Those of versions are what is in use out there: they stay as they
are, and the tests hold this tree against them.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from docarray import DocList
from sqlalchemy import Column, Dialect, Engine, MetaData, Table, text
from sqlalchemy.dialects import postgresql, sqlite

from adjudicate.documents import Ad, Case, Decision, Exemplar, Finding, Match, Problem
from adjudicate.wire import Document
from executors.databases import whole
from executors.shared.migrations import HEAD
from executors.shared.migrations.running import migrate

FOLDER = Path(__file__).parent / "released"
NEXT = FOLDER / "next.json"
"""Of this tree."""
DIALECTS: dict[str, Dialect] = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}


def tables() -> dict[str, Table]:
    """Those of all rooms, by name."""
    return {table.name: table for table in whole().sorted_tables}


def shape(column: Column) -> dict[str, Any]:
    """What earlier releases rely on of a column."""
    types = {name: column.type.compile(dialect) for name, dialect in DIALECTS.items()}
    filled = column.nullable or column.server_default is not None or column.autoincrement is True
    return {"type": types, "optional": filled}


def make_tables(engine: Engine, release: dict[str, Any]) -> None:
    """A database as that release leaves it: by its SQL, or by the steps up to its revision."""
    if "revision" in release:
        migrate(engine, MetaData(), to=release["revision"])
        return
    with engine.begin() as connection:
        for statement in release["sql"][engine.dialect.name]:
            connection.execute(text(statement))


def documents() -> dict[str, Document]:
    """One of each kind that travels between processes or is kept, with a value in each field."""
    match = Match(
        id="m" * 32, exemplar_id="e1", category="cure", rule="CN-AL-16", similarity=0.91,
        signal="text", threshold=0.6, matched="cures",
    )  # fmt: skip
    finding = Finding(
        id="f" * 32, rule="CN-AL-16", claim="cures", rationale="a cure is promised",
        verdict="violation", probability=0.93,
    )  # fmt: skip
    ad: dict[str, Any] = {
        "id": "a" * 32, "image": b"\xff\xd8picture", "url": "https://cdn.example/a.jpg",
        "text": "Cures all 根治", "advertiser": "acme", "market": "CN", "product": "drug",
        "language": "zh", "rationale": "always", "context": {"campaign": "spring"},
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
        "deadline": 1.5, "idempotency_key": "key-1",
    }  # fmt: skip
    common: dict[str, Any] = {
        "matches": DocList[Match]([match]), "flagged": True, "audit": True, "shadow_flagged": False,
        "reasons": ["text:cure"], "findings": DocList[Finding]([finding]), "cached": True,
        "versions": {"encoder": "clip-1", "judge": "judge-1"}, "timings": {"encoder": 1.5},
    }  # fmt: skip
    return {
        "ad": Ad(**ad),
        "case": Case(
            **ad, **common, ad_id="ad-1", content_hash="c" * 64,
            image_embedding=np.array([0.6, 0.8], np.float32),
            text_embedding=np.array([[0.6, 0.8]], np.float32),
            phash="f" * 64, near_duplicate="hash", verdict="violation", probability=0.93,
            instruction_found=True, judge_notes=["picture_scaled_down"],
        ),
        "decision": Decision(
            **common, id="d" * 32, ad_id="ad-1", outcome="reject", rule="CN-AL-16",
            confidence=0.93, judged=True, trace_id="0" * 32,
            problem=Problem(id="p" * 32, code="internal", detail="why"),
            decided_at="2025-06-01T00:00:00+00:00",
        ),
        "exemplar": Exemplar(
            id="e1", image=b"\xff\xd8picture", text="Cures all", category="cure", rule="CN-AL-16",
            severity="high", bank="main", note="why", added_by="mei",
            added_at="2025-06-01T00:00:00+00:00", content_hash="c" * 64, hits={"flagged": 2},
            encoder_version="clip-1", image_embedding=np.array([0.6, 0.8], np.float32),
            text_embedding=np.array([[0.6, 0.8]], np.float32), phash="f" * 64,
        ),
    }  # fmt: skip


def plain(document: Any) -> Any:
    """A document as data that can be compared, arrays and lists of documents included."""
    if isinstance(document, Document):
        return {name: plain(value) for name, value in document.__dict__.items()}
    if isinstance(document, np.ndarray):
        return document.tolist()
    if isinstance(document, bytes):
        return base64.b64encode(document).decode()
    if isinstance(document, list | DocList):
        return [plain(item) for item in document]
    return document


def describe() -> dict[str, Any]:
    """All of it, as the file has it."""
    return {
        "tables": {
            name: {
                "columns": {column.name: shape(column) for column in table.columns},
                "indexes": sorted(str(index.name) for index in table.indexes),
            }
            for name, table in tables().items()
        },
        "revision": HEAD,
        "documents": {
            name: {
                "bytes": base64.b64encode(
                    document.to_protobuf().SerializeToString(deterministic=True)
                ).decode(),
                "fields": plain(document),
                "json": document.model_dump_json() if name == "decision" else "",
            }
            for name, document in documents().items()
        },
    }


def main() -> None:
    described = json.dumps(describe(), ensure_ascii=False, indent=1)
    NEXT.write_text(f"{described}\n", encoding="utf-8")
    print(NEXT)


if __name__ == "__main__":
    main()
