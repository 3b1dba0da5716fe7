"""What a user gets wrong is one sentence and the documented status, never a stack."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adjudicate.cli.app import app
from tests.client.fake import FakeServers, FakeService

Made = Callable[[Path], object]


@pytest.fixture(autouse=True)
def address(
    servers: FakeServers, service: FakeService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> FakeService:
    monkeypatch.setenv("ADJUDICATE_URL", servers.urls["http"])
    monkeypatch.setenv("ADJUDICATE_DATABASE", f"sqlite:///{tmp_path / 'db'}")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return service


def file(name: str, content: str | bytes = "") -> Made:
    def make(folder: Path) -> object:
        data = content.encode() if isinstance(content, str) else content
        return (folder / name).write_bytes(data)

    return make


def folder(name: str) -> Made:
    return lambda here: (here / name).mkdir()


CSV = "file,text\n,fine\n"
SENTENCES: list[tuple[str, list[Made], int, str]] = [
    ("review", [], 2, "Nothing to review: name a file"),
    ("review gone.csv", [], 2, "There is no gone.csv."),
    ("review m.csv", [file("m.csv", "a,b\n1,2\n")], 2, "columns file and text"),
    ("review m.csv", [file("m.csv", b"file,text\n,\xff\xfe\n")], 2, "not UTF-8"),
    ("review m.csv", [file("m.csv", f'text\n"{"x" * 200_000}"\n')], 2, "field larger than"),
    ("review m.parquet", [file("m.parquet", "no")], 2, "is not Parquet"),
    ("review empty", [folder("empty")], 2, "no ads there"),
    ("review gs://bucket/x", [], 2, "gcsfs"),
    ("review what://bucket/x", [], 2, "what"),
    ("review x.png --url localhost", [file("x.png")], 2, "not a URL of the service"),
    ("review x.png --url http://localhost:99999", [file("x.png")], 2, "not a port"),
    ("review x.png --ca gone.pem --url https://localhost", [file("x.png")], 2, "gone.pem"),
    ("review x.png --url http://127.0.0.1:9 --timeout 5", [file("x.png")], 3, "adjudicate up"),
    ("review --text x --out d.jsonl", [], 2, "name a file, a folder or a URL"),
    ("review - --out d.jsonl", [], 2, "stdin"),
    ("review gone --out d.jsonl", [], 2, "There is no gone."),
    ("review m.csv --out d.csv", [file("m.csv", CSV)], 2, "must end in .jsonl or .parquet"),
    ("review m.csv --out no/d.jsonl", [file("m.csv", CSV)], 2, "There is no folder no"),
    ("review m.csv --out d.jsonl", [file("m.csv", CSV), folder("d.jsonl")], 2, "Is a directory"),
    ("review m.csv --out d.jsonl", [file("m.csv", CSV), file("d.jsonl", "mine")], 2, "--restart"),
    ("review m.csv --out d.jsonl", [file("m.csv", "file,text\n")], 2, "no ads there"),
    ("review m.csv --out d.jsonl", [file("m.csv", b"text\n\xff\n")], 2, "not UTF-8"),
    ("status --url http://127.0.0.1:9 --timeout 2", [], 3, "adjudicate up"),
    ("decision none", [], 1, "nothing by this id"),
    ("library show none", [], 1, "nothing by this id"),
    ("library add", [], 2, "needs a picture, --text, or both"),
    ("library add gone.png", [], 2, "gone.png: No such file or directory."),
    ("library import gone", [], 2, "There is no gone."),
    ("library import m.csv", [file("m.csv", "a\n1\n")], 2, "columns"),
    ("library export x --format pdf", [], 2, "must be one of"),
    ("library export here/there/x.csv", [file("here")], 2, "here"),
    ("library edit some-id", [], 2, "name at least one option"),
    ("calibrate gone.csv", [], 2, "gone.csv"),
    ("policy show NOPE", [], 1, "there is no rule NOPE"),
    ("policy check gone", [], 2, "gone"),
    ("policy list --folder gone", [], 2, "gone"),
    ("models lock nope", [], 2, "nope"),
    ("up --flow gone.yml", [], 2, "There is no file gone.yml."),
    ("demo --samples gone", [], 2, "manifest.csv"),
    ("encoder export-onnx out --samples gone", [], 2, "gone"),
]


@pytest.mark.parametrize(
    ("line", "made", "status", "said"), SENTENCES, ids=[f"{c[0]} ({c[3]})" for c in SENTENCES]
)
def test_a_mistake_is_one_sentence(
    line: str, made: list[Made], status: int, said: str, tmp_path: Path
) -> None:
    for make in made:
        make(tmp_path)
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == status, result.output
    assert said in result.stderr
    assert result.stderr.startswith("adjudicate: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "No such command 'nonsense'"),
        ("review --nonsense", "No such option: --nonsense"),
        ("review x --market MARS", "'MARS' is not one of"),
        ("review x --request-size 0", "should be greater than or equal to 1"),
        ("review x --timeout soon", "should be a valid number"),
        ("review x --header nonsense", "expected 'Name: value'"),
        ("policy show", "Missing argument 'CODE'"),
        ("library add x.png --severity dire", "'dire' is not one of"),
    ],
)
def test_a_wrong_option_is_said_beside_the_usage(line: str, said: str) -> None:
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("ADJUDICATE_POLICIES", "gone", "policy list"),
        ("ADJUDICATE_JUDGE__TIMEOUT_S", "soon", "policy list"),
        ("ADJUDICATE_URL", "nonsense", "status"),
        ("ADJUDICATE_DATABASE", "nonsense", "library encoders"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    variable: str, value: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert variable in result.stderr or value in result.stderr


def test_a_file_that_may_not_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.csv").write_text(CSV)
    opening = Path.open

    def refusing(self: Path, *how: Any, **more: Any) -> Any:
        if self.name == "m.csv":
            raise PermissionError(13, "Permission denied", str(self))
        return opening(self, *how, **more)

    monkeypatch.setattr(Path, "open", refusing)  # the tests may run as root, who may read all
    result = CliRunner().invoke(app, ["review", "m.csv"])
    assert result.exit_code == 2
    assert result.stderr == "adjudicate: m.csv: Permission denied.\n"


@pytest.mark.parametrize(
    "line", ["review --text x", "status", "library list", "library banks", "decision x"]
)
def test_a_wrong_key_is_one_sentence_and_1(service: FakeService, line: str) -> None:
    service.key = "right"
    result = CliRunner().invoke(app, [*line.split(), "--api-key", "wrong"])
    assert result.exit_code == 1
    assert result.stderr == "adjudicate: The request names no valid key.\n"
    assert "wrong" not in result.output


def test_the_key_of_the_environment_lets_in(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.key = "right"
    monkeypatch.setenv("ADJUDICATE_API_KEY", "right")
    assert CliRunner().invoke(app, ["review", "--text", "fine"]).exit_code == 0


def started(*arguments: str, **how: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "adjudicate", *arguments], stderr=subprocess.PIPE, **how
    )


@pytest.mark.parametrize("options", [["--json"], []])
def test_a_reader_that_has_enough_is_no_error(options: list[str]) -> None:
    process = started("policy", "list", *options, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(30) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_no_space_for_what_is_printed_is_a_sentence() -> None:
    with open("/dev/full", "wb") as full:
        process = started("--help", stdout=full)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said == b"adjudicate: stdout: No space left on device\n"


def test_ctrl_c_is_130(tmp_path: Path, service: FakeService) -> None:
    (tmp_path / "m.csv").write_text("text\nslow:3\n")
    process = started("review", "m.csv", cwd=tmp_path, env=dict(os.environ))
    deadline = time.monotonic() + 30
    while not service.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said == b"adjudicate: Stopped.\n"
