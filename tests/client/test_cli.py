"""The command line as a shell sees it: stdout, stderr, exit status."""

from __future__ import annotations

import base64
import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from adjudicate.cli.app import app
from adjudicate.errors import Code
from adjudicate.transports.faults import fault
from tests.client.fake import FakeServers, FakeService

PNG = b"\x89PNG\r\n\x1a\nrest"


@pytest.fixture(autouse=True)
def address(
    servers: FakeServers, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> FakeService:
    """The commands find the service by the environment."""
    monkeypatch.setenv("ADJUDICATE_URL", servers.urls["http"])
    monkeypatch.setenv("COLUMNS", "160")
    return service


def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def manifest(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "manifest.csv"
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_picture_with_its_copy(tmp_path: Path, service: FakeService) -> None:
    picture = tmp_path / "ad.png"
    picture.write_bytes(PNG)
    result = invoke("review", str(picture), "--text", "cures all", "--market", "US")
    assert result.exit_code == 0, result.stderr
    assert "reject" in result.stdout
    assert "cure-claim" in result.stdout
    assert "0.91" in result.stdout
    assert "0.97" in result.stdout
    assert "1 ads in" in result.stdout
    assert result.stderr == ""
    ad = service.requests[0][0]
    assert (ad.id, ad.image, ad.text, ad.market) == ("ad.png", PNG, "cures all", "US")


def test_copy_alone() -> None:
    result = invoke("review", "--text", "fine", "--json")
    assert lines(result)[0]["outcome"] == "approve"


def test_json_is_pure_and_in_lines(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "deep/c.webp", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(PNG)
    result = invoke("review", str(tmp_path), "--json")
    assert result.exit_code == 0
    assert {found["ad_id"] for found in lines(result)} == {"a.PNG", "b.jpg", "deep/c.webp"}


def test_a_manifest(tmp_path: Path, service: FakeService) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.png").write_bytes(PNG)
    path = manifest(
        tmp_path,
        {"file": "pictures/1.png", "text": "药到病除", "market": "CN", "label": "violation"},
        {"file": "", "text": "fine", "advertiser": "A", "product": "food", "language": "en"},
    )
    result = invoke("review", str(path), "--json", "--product", "drug", "--request-size", "2")
    assert result.exit_code == 0, result.stderr
    first, second = service.requests[0]
    assert (first.id, first.image, first.text) == ("pictures/1.png", PNG, "药到病除")
    assert (first.market, first.product) == ("CN", "drug")
    assert (second.id, second.product, second.advertiser) == ("row 2", "food", "A")


def test_a_missing_picture_and_a_wrong_market_are_only_their_own_ads_errors(
    tmp_path: Path,
) -> None:
    path = manifest(
        tmp_path,
        {"file": "gone.png", "text": "", "market": ""},
        {"file": "", "text": "fine", "market": "MARS"},
        {"file": "", "text": "fine", "market": "EU"},
    )
    result = invoke("review", str(path), "--json")
    assert result.exit_code == 1
    by_id = {found["ad_id"]: found for found in lines(result)}
    assert by_id["gone.png"]["problem"]["code"] == "image_unreadable"
    assert by_id["row 2"]["problem"]["code"] == "invalid_field"
    assert by_id["row 3"]["outcome"] == "approve"


def test_json_lines_on_stdin() -> None:
    image = base64.b64encode(PNG).decode()
    ads = [{"id": "a", "text": "cures"}, {"id": "b", "image": image}, {"text": "fine"}]
    sent = "\n".join([*map(json.dumps, ads), "", "not json", '{"id": "x", "colour": 1}'])
    result = invoke("review", "-", "--json", stdin=sent.encode())
    assert result.exit_code == 1
    outcomes = {found["ad_id"]: found["outcome"] for found in lines(result)}
    assert outcomes == {
        "a": "reject",
        "b": "approve",
        "line 3": "approve",
        "line 5": "error",
        "x": "error",
    }


def test_a_picture_on_stdin(service: FakeService) -> None:
    result = invoke("review", "-", "--json", "--text", "maybe", stdin=PNG)
    assert lines(result)[0]["outcome"] == "escalate"
    assert service.requests[0][0].image == PNG


def test_nothing_on_stdin_is_2() -> None:
    assert invoke("review", "-", "--json", stdin=b"").exit_code == 2


@pytest.mark.parametrize(("outcome", "status"), [("reject", 4), ("escalate", 0)])
def test_fail_on(outcome: str, status: int) -> None:
    result = invoke("review", "--text", "cures", "--json", "--fail-on", outcome)
    assert result.exit_code == status


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["review"], "Nothing to review"),
        (["review", "no/such/file"], "There is no no/such/file."),
        (["review", "--text", "x", "--url", "localhost"], "not a URL"),
        (["library", "add"], "needs a picture, --text, or both"),
        (["library", "import", "no/such"], "There is no no/such."),
        (["demo", "--samples", "no/such"], "manifest.csv"),
    ],
)
def test_wrong_use_is_one_sentence_and_2(arguments: list[str], said: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_wrong_options_are_2() -> None:
    assert invoke("review", "--text", "x", "--market", "MARS").exit_code == 2
    assert invoke("review", "--text", "x", "--header", "nonsense").exit_code == 2
    assert invoke("nonsense").exit_code == 2


def test_an_empty_folder_is_2(tmp_path: Path) -> None:
    result = invoke("review", str(tmp_path))
    assert result.exit_code == 2
    assert "no ads there" in result.stderr


def test_a_manifest_without_its_columns_is_2(tmp_path: Path) -> None:
    result = invoke("review", str(manifest(tmp_path, {"picture": "x"})))
    assert result.exit_code == 2
    assert "columns file and text" in result.stderr


def test_no_service_is_3(dead_url: str) -> None:
    for arguments in (["review", "--text", "x", "--timeout", "5"], ["status"]):
        result = invoke(*arguments, "--url", dead_url)
        assert result.exit_code == 3
        assert "adjudicate up" in result.stderr
        assert "Traceback" not in result.output


def test_status(service: FakeService) -> None:
    result = invoke("status")
    assert result.exit_code == 0
    assert "ledger" in result.stdout
    service.room_down = "judge"
    assert invoke("status", "--json").exit_code == 3


def test_a_decision() -> None:
    made = lines(invoke("review", "--text", "cures all", "--json"))[0]
    result = invoke("decision", made["id"])
    assert result.exit_code == 0
    assert "cures all" in result.stdout
    assert made["trace_id"] in result.stdout
    assert lines(invoke("decision", made["id"], "--json")) == [made]
    missing = invoke("decision", "none")
    assert missing.exit_code == 1
    assert "nothing by this id" in missing.stderr


def test_the_library(tmp_path: Path, service: FakeService) -> None:
    picture = tmp_path / "e.png"
    picture.write_bytes(PNG)
    added = invoke("library", "add", str(picture), "--category", "drug", "--rule", "r-1")
    assert added.exit_code == 0, added.stderr
    exemplar_id = added.stdout.strip()
    assert service.exemplars[exemplar_id].image == PNG
    assert "r-1" in invoke("library", "list").stdout
    assert lines(invoke("library", "list", "--category", "food", "--json")) == []
    saved = tmp_path / "saved.png"
    assert "drug" in invoke("library", "show", exemplar_id, "--save", str(saved)).stdout
    assert saved.read_bytes() == PNG
    assert invoke("library", "remove", exemplar_id).exit_code == 0
    assert invoke("library", "show", exemplar_id).exit_code == 1


def test_headers(service: FakeService) -> None:
    invoke("review", "--text", "fine", "-H", "Authorization: Bearer t")
    assert service.headers[-1]["authorization"] == "Bearer t"


def test_a_refusal_is_1(service: FakeService) -> None:
    service.faults = [fault(Code.REQUEST_TOO_LARGE, "too large by far")]
    result = invoke("review", "--text", "fine")
    assert result.exit_code == 1
    assert result.stderr == "adjudicate: too large by far\n"


def test_version_and_help() -> None:
    assert invoke("--version").stdout.strip()
    helped = invoke("review", "--help").stdout
    for status in ("0 every ad", "1 an ad", "2 wrong use", "3 the service", "4 an ad"):
        assert status in helped
