"""docs/quickstart.ipynb, run from its first cell to its last against the shared Flow."""

from __future__ import annotations

import os
import re
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.e2e.service import ROOT, Service

NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def run(service: Service) -> Any:
    """The notebook with its outputs. Raises with the cell and its error when one fails."""
    notebook = read()
    urls = {"ADJUDICATE_URL": service.urls["grpc"], "ADJUDICATE_HTTP_URL": service.urls["http"]}
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    client.execute(env={**os.environ, **urls})
    return notebook


def printed(notebook: Any) -> str:
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    parts = [out.get("text") or out.get("data", {}).get("text/plain", "") for out in outputs]
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(parts))


def test_it_reviews_shows_searches_and_asks_the_openai_route(run: Any) -> None:
    said = printed(run)
    counts = re.search(r"\{'approve': (\d+), 'error': (\d+), .*'reject': (\d+)\}", said)
    assert counts is not None
    assert int(counts[2]) == 2  # the samples have two broken ads
    assert min(int(counts[1]), int(counts[3])) > 0
    assert re.search(r"ad-02\s*│ reject", said)
    assert re.search(r"^0\.\d\d  (text|image-text|image) ", said, re.MULTILINE)
    assert "Cures diabetes in 7 days: flagged True" in said or "no /v1/moderations" in said
    shown = [
        kind
        for cell in run.cells
        for out in cell.get("outputs", ())
        for kind in out.get("data", {})
        if kind.startswith("image/")
    ]
    assert len(shown) >= 2


def test_it_is_committed_without_outputs_and_without_paths_of_a_machine() -> None:
    notebook = read()
    for cell in notebook.cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert not re.search(r"/(work|home|root|Users|tmp)/", text)
