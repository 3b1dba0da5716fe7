"""Import and export by the command line: formats, repeats, refusals, dry runs, resuming."""

import base64
import csv
import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from adjudicate.cli.app import app
from adjudicate.content import content_hash
from adjudicate.documents import Exemplar
from adjudicate.errors import Code
from adjudicate.transports.faults import fault
from tests.client.fake import FakeServers, FakeService
from tests.client.fake_library import FakeLibrary

PNG, JPG = b"\x89PNG\r\n\x1a\n a picture", b"\xff\xd8\xff another"
HEADER = "file,text,category,rule,severity,polarity,note\n"


@pytest.fixture(autouse=True)
def _address(servers: FakeServers, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the service by the environment."""
    monkeypatch.setenv("ADJUDICATE_URL", servers.urls["http"])
    monkeypatch.setenv("COLUMNS", "160")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["library", *arguments])


def table(folder: Path, *rows: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "1.png").write_bytes(PNG)
    (folder / "2.jpg").write_bytes(JPG)
    (folder / "exemplars.csv").write_text(HEADER + "".join(f"{r}\n" for r in rows), "utf-8")
    return folder


def test_a_table_is_imported_once(tmp_path: Path, service: FakeService) -> None:
    table(tmp_path, "1.png,,drug,r-1,high,violation, a note ", ",Supports sleep,food,,,lookalike,")
    first = invoke("import", str(tmp_path))
    assert first.exit_code == 0, first.stderr
    assert first.stdout == "2 added, 0 repeated, 0 near-duplicates, 0 refused\n"
    assert first.stderr == ""
    picture, copy = service.exemplars.values()
    assert (picture.image, picture.severity, picture.note) == (PNG, "high", " a note ")
    assert (copy.text, copy.polarity, copy.severity) == ("Supports sleep", "lookalike", "medium")
    again = invoke("import", str(tmp_path / "exemplars.csv"))
    assert again.stdout == "0 added, 2 repeated, 0 near-duplicates, 0 refused\n"
    assert again.stderr == ""
    assert len(service.library.sent) == 2, "what is held was sent again"


def test_options_fill_what_rows_leave_empty(tmp_path: Path, service: FakeService) -> None:
    table(tmp_path, "1.png,,,r-9,,,", "2.jpg,,food,,,,")
    options = ("--category", "drug", "--rule", "r-1", "--bank", "spring", "--added-by", "ann")
    assert invoke("import", str(tmp_path), *options).exit_code == 0
    one, two = service.exemplars.values()
    assert (one.category, one.rule, two.category, two.rule) == ("drug", "r-9", "food", "r-1")
    assert {(e.bank, e.added_by) for e in (one, two)} == {("spring", "ann")}


def test_a_folder_of_pictures(tmp_path: Path, service: FakeService) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(PNG + bytes([number]))
    assert invoke("import", str(tmp_path), "--category", "food").exit_code == 0
    assert [exemplar.category for exemplar in service.exemplars.values()] == ["food"] * 3


def test_repeats_near_duplicates_and_refusals_are_named(
    tmp_path: Path, service: FakeService
) -> None:
    service.library.add([Exemplar(id="known", image=PNG, category="drug", rule="r")], False)
    table(
        tmp_path,
        "1.png,,drug,r,,,",
        "2.jpg,,drug,r,,,",
        "2.jpg,,drug,r,,,",
        ",cures all,drug,r,,,",
        ",cures everything,drug,r,,,",
        "gone.png,,drug,r,,,",
        "2.jpg,,food,r,,,",
        ",x,drug,NO-SUCH,,,",
        ",x,drug,NO-SUCH,,,",
        ",y,drug,r,,neither,",
    )
    result = invoke("import", str(tmp_path))
    assert result.exit_code == 1
    assert result.stdout == "3 added, 2 repeated, 1 near-duplicates, 5 refused\n"
    said = dict(line.removeprefix("adjudicate: ").split(": ", 1) for line in _lines(result))
    near = next(e.id for e in service.exemplars.values() if e.text == "cures all")
    assert said["row 1"] == "repeats known"
    assert said["row 3"] == "repeats row 2"
    assert said["row 5"] == f"nearly repeats {near}"
    assert "gone.png: No such file" in said["row 6"]
    assert said["row 7"] == "refused: row 2 has the same content under other labels"
    assert said["row 8"] == "refused: no such rule"
    assert said["row 9"] == "refused: row 8 has the same content and was refused"
    assert "must be one of violation, lookalike" in said["row 10"]


def test_held_content_under_another_label_is_refused(tmp_path: Path, service: FakeService) -> None:
    service.library.add([Exemplar(id="known", image=PNG, category="food", rule="r")], False)
    result = invoke("import", str(table(tmp_path, "1.png,,drug,r,,,")))
    assert result.exit_code == 1
    assert "held as violation of category 'food', rule 'r', by id known" in result.stderr


def test_a_dry_run_reports_the_same_and_changes_nothing(
    tmp_path: Path, service: FakeService
) -> None:
    service.library.add([Exemplar(id="known", text="cures it", category="a", rule="r")], False)
    table(tmp_path, "1.png,,drug,r,,,", ",cures us,a,r,,,", ",x,drug,NO-SUCH,,,", "no.png,,,,,,")
    (tmp_path / "banks.csv").write_text("name,enabled\nspring,false\n")
    dry = invoke("import", str(tmp_path), "--dry-run")
    assert list(service.exemplars) == ["known"]
    assert [bank.name for bank in service.library.banks()] == ["main"]
    real = invoke("import", str(tmp_path))
    assert dry.exit_code == real.exit_code == 1
    assert dry.stderr == real.stderr
    assert dry.stdout == real.stdout.strip() + " (dry run: nothing was changed)\n"
    assert real.stdout.startswith("2 added, 0 repeated, 1 near-duplicates, 2 refused")
    assert len(service.exemplars) == 3


def test_an_import_that_was_stopped_goes_on(tmp_path: Path, service: FakeService) -> None:
    rows = [f",text {chr(65 + i // 26)}{chr(65 + i % 26)},drug,r,,," for i in range(300)]
    table(tmp_path, *rows)
    failing = service.library.add
    groups = 0

    def fails_later(exemplars: list[Exemplar], dry_run: bool) -> list[Exemplar]:
        nonlocal groups
        groups += 1
        if groups == 4:
            raise fault(Code.REQUEST_TOO_LARGE, "stop")
        return failing(exemplars, dry_run)

    service.library.add = fails_later  # type: ignore[method-assign]
    assert invoke("import", str(tmp_path)).exit_code == 1
    done = len(service.exemplars)
    assert 0 < done < 300
    assert invoke("import", str(tmp_path)).exit_code == 0
    assert len(service.exemplars) == 300
    assert len(service.library.sent) == 300


def test_json_lines(tmp_path: Path, service: FakeService) -> None:
    picture = base64.b64encode(PNG).decode()
    lines = [
        {"id": "e1", "image": picture, "category": "drug", "rule": "r", "enabled": False},
        {"text": "fine", "polarity": "lookalike", "colour": "red"},
        {"image": "no base64!", "category": "drug", "rule": "r"},
    ]
    path = tmp_path / "e.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "\nnot json\n")
    result = invoke("import", str(path))
    assert result.exit_code == 1
    (held,) = service.exemplars.values()
    assert (held.id, held.image, held.enabled) == ("e1", PNG, False)
    for said in ("line 2: refused: not known: colour", "line 3", "line 5: refused: it is not a"):
        assert said in result.stderr


@pytest.mark.parametrize(
    ("name", "content"), [("x.csv", "colour\nred\n"), ("nothing", None), ("x.csv", "")]
)
def test_what_cannot_be_read_at_all_is_one_sentence(
    tmp_path: Path, name: str, content: str | None
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    result = invoke("import", str(tmp_path / name))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def fill(library: FakeLibrary) -> None:
    labels = {"category": "drug", "rule": "r", "severity": "high"}
    odd = 'first line\r\nsecond, "quoted"\rthird '
    who = {"added_by": "ann", "added_at": "2024-05-06T07:08:09.000001+00:00"}
    library.add(
        [
            Exemplar(id="a", image=PNG, **labels, **who, note=odd),
            Exemplar(id="b", image=JPG, text="治愈率98%\n=1+1", **labels, bank="spring"),
            Exemplar(id="c", text="fine", polarity="lookalike", enabled=False),
        ],
        False,
    )


def state(library: FakeLibrary) -> list[dict[str, object]]:
    held = sorted(library.exemplars.values(), key=lambda exemplar: exemplar.id or "")
    return [exemplar.model_dump(exclude={"near_duplicate"}) for exemplar in held]


@pytest.mark.parametrize("name", ["out", "out/all.csv", "all.jsonl"])
def test_what_is_exported_and_imported_is_the_same_library(
    tmp_path: Path, service: FakeService, url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADJUDICATE_URL", url)
    fill(service.library)
    before = state(service.library)
    result = invoke("export", str(tmp_path / name))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("3 exported, 2 pictures fetched, 0 there already")
    service.library = FakeLibrary()
    back = invoke("import", str(tmp_path / name))
    assert back.exit_code == 0, back.stderr
    assert state(service.library) == before


def test_a_bank_that_is_off_stays_off_through_a_folder(
    tmp_path: Path, service: FakeService
) -> None:
    fill(service.library)
    service.library.bank("spring", {"enabled": False, "note": "over", "by": "ann"})
    invoke("export", str(tmp_path / "out"))
    noted = invoke("export", str(tmp_path / "all.jsonl"))
    assert "which banks are off; here: spring" in noted.stderr
    service.library = FakeLibrary()
    assert "bank spring is switched off" in invoke("import", str(tmp_path / "out")).stderr
    (spring,) = [bank for bank in service.library.banks() if bank.name == "spring"]
    assert (spring.enabled, spring.note, spring.changed_by) == (False, "over", "ann")
    service.library.bank("spring", {"enabled": True})
    invoke("import", str(tmp_path / "out"))
    assert all(bank.enabled for bank in service.library.banks()), "switched again by an import"


def test_pictures_are_named_by_content_and_fetched_once(
    tmp_path: Path, service: FakeService
) -> None:
    fill(service.library)
    invoke("export", str(tmp_path))
    pictures = sorted(path.name for path in (tmp_path / "images").iterdir())
    text = "治愈率98%\n=1+1"
    assert pictures == sorted([f"{content_hash(PNG, '')}.png", f"{content_hash(JPG, text)}.jpg"])
    (tmp_path / "images" / pictures[0]).write_bytes(b"spoiled")
    again = invoke("export", str(tmp_path))
    assert again.stdout.startswith("3 exported, 1 pictures fetched, 1 there already")
    assert (tmp_path / "images" / pictures[0]).read_bytes() != b"spoiled"
    with (tmp_path / "exemplars.csv").open(encoding="utf-8", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["a", "b", "c"]
    assert not list(tmp_path.rglob("*.part"))


def test_an_export_of_lines_that_was_stopped_goes_on(tmp_path: Path, service: FakeService) -> None:
    fill(service.library)
    path = tmp_path / "all.jsonl"
    invoke("export", str(path))
    whole = path.read_bytes()
    stopped = path.with_name("all.jsonl.part")
    path.rename(stopped)
    stopped.write_bytes(whole[: whole.index(b"\n") + 20])
    again = invoke("export", str(path))
    assert again.stdout.startswith("3 exported, 1 pictures fetched, 1 there already")
    assert path.read_bytes() == whole
    assert [p.name for p in tmp_path.iterdir()] == ["all.jsonl"]


def test_only_what_is_asked_for_is_exported(tmp_path: Path, service: FakeService) -> None:
    fill(service.library)
    result = invoke("export", str(tmp_path / "x.jsonl"), "--polarity", "lookalike")
    assert result.stdout.startswith("1 exported")
    result = invoke("export", str(tmp_path / "y.jsonl"), "--bank", "spring")
    assert result.stdout.startswith("1 exported")
    assert invoke("export", str(tmp_path / "z"), "--format", "xml").exit_code == 2


def test_banks_and_switches(service: FakeService) -> None:
    fill(service.library)
    off = invoke("bank", "spring", "--off", "--note", "over", "--by", "ann")
    assert off.stdout == "bank spring is off, 1 exemplars\n"
    assert "over" in invoke("banks").stdout
    assert invoke("disable", "a", "--by", "bob", "--why", "vitamins").stdout == "a\n"
    assert not service.exemplars["a"].enabled
    assert invoke("enable", "a", "--by", "eve").exit_code == 0
    assert service.exemplars["a"].enabled
    assert invoke("edit", "a", "--rule", "r-2", "--note", "").exit_code == 0
    assert (service.exemplars["a"].rule, service.exemplars["a"].note) == ("r-2", "")
    assert invoke("edit", "a").exit_code == 2
    assert invoke("edit", "none", "--rule", "r").exit_code == 1
    log = [json.loads(line) for line in invoke("log", "--json").stdout.splitlines()]
    assert [entry["by"] for entry in log][1:] == ["eve", "bob", "ann"]
    assert "vitamins" in invoke("show", "a").stdout


def test_a_bad_exemplar_is_listed_first(service: FakeService) -> None:
    fill(service.library)
    service.exemplars["b"].hits = {"flagged": 4, "rejected": 1, "overturned": 3}
    listed = invoke("list", "--sort", "overturned")
    assert listed.exit_code == 0, listed.stderr
    rows = [line.split() for line in listed.stdout.splitlines() if "drug" in line]
    assert rows[0][0] == "b"
    assert "75%" in listed.stdout
    assert "75%" in invoke("show", "b").stdout


def _lines(result: Result) -> list[str]:
    return result.stderr.strip().splitlines()
