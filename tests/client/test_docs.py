"""The examples of docs/client.md run, and print what they say they do."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

from adjudicate import AsyncClient, CertificateError, errors
from adjudicate.client import GRACE_S, WINDOW
from adjudicate.errors import Code, error_class
from adjudicate.pipeline import LINGER
from tests.client.fake import FakeServers, FakeService
from tests.client.test_things import PICTURE
from tests.client.test_tls import Files, files, mutual_servers

__all__ = ["files", "mutual_servers"]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "client.md").read_text(encoding="utf-8")


@pytest.fixture
def here(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("ads", "more"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "bottle.png").write_bytes(PICTURE)
    (tmp_path / "manifest.csv").write_text("id,text\n1,one\n2,two\n", encoding="utf-8")
    given = {"ca.pem": files.ca, "client.pem": files.client[0], "client.key": files.client[1]}
    for name, file in given.items():
        (tmp_path / name).write_bytes(Path(file).read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_example_runs_and_prints_what_it_says(
    here: Path,
    servers: FakeServers,
    service: FakeService,
    mutual_servers: FakeServers,
    capsys: pytest.CaptureFixture[str],
) -> None:
    blocks = re.findall(r"^```python\n(.+?)^```", PAGE, re.M | re.S)
    assert len(blocks) == 10
    names: dict[str, object] = {}
    for block in blocks:
        code = block.replace("grpc://localhost:51000", servers.urls["grpc"])
        code = code.replace("grpcs://ads.example", mutual_servers.urls["grpc"])
        code = code.replace("adj_…", "adj_key")
        compiled = compile(code, "client.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = eval(compiled, names)  # noqa: S307 - the page's own examples
        if inspect.iscoroutine(running):
            asyncio.run(running)
        printed = capsys.readouterr().out.splitlines()
        for said in re.findall(r"print\(.+\)  # (.+)$", block, re.M):
            assert said in printed
    sent = {name.lower(): value for name, value in mutual_servers.service.headers[-1].items()}
    assert sent["authorization"] == "Bearer adj_key"


def test_the_table_of_errors_is_the_tree() -> None:
    table = re.findall(r"^\| [└ ]*`(\w+Error)` \| .+? \|(.*)\|$", PAGE, re.M)
    for name, told in table:
        for code in re.findall(r"`(\w+)`", told):
            kind = getattr(errors, name)
            assert kind is CertificateError or kind is error_class(Code(code)), code
    classes = {name for name in vars(errors) if name.endswith("Error")} - {"ConfigurationError"}
    assert {name for name, _ in table} == classes


def test_the_table_of_arguments_is_the_signature() -> None:
    section = PAGE[PAGE.index("## Arguments") :]
    rows = [row.split("|")[1:3] for row in re.findall(r"^\| `.+", section, re.M)]
    told = {name: value.strip() for names, value in rows for name in re.findall(r"`(\w+)`", names)}
    parameters = dict(inspect.signature(AsyncClient).parameters)
    assert list(told) == list(parameters)
    for name in ("request_size", "prefetch", "timeout", "retries"):
        assert float(told[name]) == parameters[name].default
    assert told["url"] == f"`{parameters['url'].default}`"


def test_figures_of_the_page_are_those_of_the_code() -> None:
    assert "The client waits 2 s longer" in PAGE
    assert "four times as many ads" in PAGE
    assert "after 50 ms" in PAGE
    assert (GRACE_S, WINDOW, LINGER) == (2.0, 4, 0.05)
