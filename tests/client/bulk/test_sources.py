"""What each kind of input yields, that it is stable, lazy, and goes on behind what is done."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudicate import Ad
from adjudicate.bulk.done import Done
from adjudicate.bulk.rows import Row, read_ahead
from adjudicate.bulk.sources import open_source
from tests.client.bulk.made import PNG, manifest, names


def ads(what: Path | str, done: Done | None = None, **fields: str) -> dict[int, Ad]:
    """The ads of an input by their rows."""
    source = open_source(str(what), fields)
    return {row.number: row.read() for row in source.rows(done or Done())}


def test_a_folder_is_read_by_name_and_folders_after_files(tmp_path: Path) -> None:
    names(tmp_path, ("b.jpg", "a.PNG", "notes.txt", "deep/c.webp", "deep/er/d.png", "aa/z.jpg"))
    found = ads(tmp_path, market="CN")
    said = [ad.id for ad in found.values()]
    assert said == ["a.PNG", "b.jpg", "aa/z.jpg", "deep/c.webp", "deep/er/d.png"]
    assert list(found) == [1, 2, 3, 4, 5]
    assert (found[1].image, found[1].market) == (PNG, "CN")
    assert open_source(str(tmp_path), {}).count() == 5


def test_a_path_that_is_too_long_for_an_id_keeps_its_end(tmp_path: Path) -> None:
    name = "/".join(("x" * 90, "y" * 90, "z" * 90 + ".png"))
    names(tmp_path, [name])
    (ad,) = ads(tmp_path).values()
    assert ad.problem is None
    assert len(ad.id or "") == 200
    assert name.endswith((ad.id or "")[1:])


def test_a_folder_that_may_not_be_read_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(tmp_path, ("open/a.png", "shut/b.png"))
    scan = os.scandir

    def refusing(path: str) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)  # the tests may run as root, who may read all
    with pytest.raises(PermissionError, match="shut"):
        ads(tmp_path)


def test_a_manifest_with_pictures_and_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(PNG)
    path = tmp_path / "m.csv"
    path.write_text(
        "file,text,market,label\none.png,药到病除,CN,violation\n"
        "gone.png,,,\n,fine,MARS,\n,fine,,\n",
        encoding="utf-8-sig",
    )
    found = ads(path, product="drug")
    assert (found[1].id, found[1].image, found[1].text) == ("one.png", PNG, "药到病除")
    assert (found[1].market, found[1].product) == ("CN", "drug")
    assert found[2].problem is not None
    assert found[2].problem.code == "image_unreadable"
    assert found[3].problem is not None
    assert found[3].problem.code == "invalid_field"
    assert (found[4].id, found[4].problem) == ("row 4", None)


def test_lines_of_json_keep_the_numbers_of_their_lines(tmp_path: Path) -> None:
    image = base64.b64encode(PNG).decode()
    path = tmp_path / "ads.jsonl"
    lines = ['{"id": "a", "text": "x"}', "", "not json", json.dumps({"image": image}), "[1]"]
    path.write_text("\n".join(lines))
    found = ads(path, market="EU")
    assert list(found) == [1, 3, 4, 5]
    assert (found[1].id, found[1].market) == ("a", "EU")
    assert (found[4].id, found[4].image) == ("line 4", PNG)
    assert [n for n, ad in found.items() if ad.problem] == [3, 5]
    assert open_source(str(path), {}).count() == 4


def test_a_line_that_is_too_long_is_one_ads_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjudicate.bulk.sources.MAX_LINE", 50)
    path = tmp_path / "ads.jsonl"
    path.write_text(json.dumps({"text": "x" * 500}) + '\n{"id": "b", "text": "fine"}\n')
    found = ads(path)
    assert found[1].problem is not None
    assert (found[2].id, found[2].problem) == ("b", None)


def parquet(path: Path, *, rows: int = 7, group: int = 3) -> Path:
    """Pictures in every other row; three row groups."""
    image = [PNG if n % 2 else None for n in range(rows)]
    columns = {"id": [n * 10 for n in range(rows)], "text": ["fine"] * rows, "image": image}
    table = pa.table(
        {**columns, "market": ["CN", None] * (rows // 2) + ["EU"], "label": [1] * rows}
    )
    pq.write_table(table, path, row_group_size=group)
    return path


def test_parquet_has_the_columns_of_a_manifest_and_pictures_as_bytes(tmp_path: Path) -> None:
    found = ads(parquet(tmp_path / "ads.parquet"), product="food")
    assert [ad.id for ad in found.values()] == ["0", "10", "20", "30", "40", "50", "60"]
    assert [ad.image for ad in found.values()] == [None, PNG, None, PNG, None, PNG, None]
    assert [ad.market for ad in found.values()] == ["CN", None, "CN", None, "CN", None, "EU"]
    assert {ad.product for ad in found.values()} == {"food"}
    assert open_source(str(tmp_path / "ads.parquet"), {}).count() == 7


def test_parquet_with_paths_and_with_pictures_as_the_datasets_library_keeps_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    pq.write_table(pa.table({"file": ["a.png"]}), tmp_path / "paths.parquet")
    assert ads(tmp_path / "paths.parquet")[1].image == PNG
    held = pa.table({"image": [{"bytes": PNG, "path": None}]})
    pq.write_table(held, tmp_path / "held.parquet")
    assert ads(tmp_path / "held.parquet")[1].image == PNG


def test_row_groups_that_are_done_are_not_read(tmp_path: Path) -> None:
    done = Done()
    for number in (1, 2, 3, 5):
        done.add(number, str((number - 1) * 10))
    assert list(ads(parquet(tmp_path / "ads.parquet"), done)) == [4, 6, 7]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "gone", "There is no"),
        (lambda folder: "-", "stdin"),
        (lambda folder: _written(folder / "x.docx", b"x"), "is not a manifest"),
        (lambda folder: _written(folder / "x.parquet", b"no"), "is not Parquet"),
        (lambda folder: _written(folder / "x.csv", b"a,b\n1,2\n"), "columns file and text"),
        (lambda folder: "nothing://x/y", "nothing"),
        (lambda folder: "gs://bucket/ads", "gcsfs"),
        (lambda folder: "az://bucket/ads", "adlfs"),
    ],
)
def test_what_cannot_be_an_input_is_a_sentence(
    tmp_path: Path, make: Callable[[Path], Path | str], said: str
) -> None:
    with pytest.raises((ValueError, OSError), match=said):
        ads(make(tmp_path))


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["folder", "manifest"])
def test_what_is_done_is_not_read_again(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        names(tmp_path, (f"{n}.png" for n in range(1, 6)))
        what, done_names = tmp_path, ("1.png", "4.png")
    else:
        what, done_names = manifest(tmp_path, 5), ("ad-1", "ad-4")
    done = Done()
    done.add(1, done_names[0])
    done.add(4, done_names[1])
    assert list(ads(what, done)) == [2, 3, 5]


def test_a_folder_that_has_changed_is_noticed_at_the_first_row_that_differs(
    tmp_path: Path,
) -> None:
    names(tmp_path, ("b.png", "c.png"))
    done = Done()
    done.add(1, "b.png")
    names(tmp_path, ["a.png"])
    with pytest.raises(ValueError, match=r"row 1 is a\.png now"):
        ads(tmp_path, done)


def test_an_input_that_has_become_shorter_is_noticed_at_its_end(tmp_path: Path) -> None:
    names(tmp_path, ["a.png"])
    done = Done()
    done.add(1, "a.png")
    done.add(2, "b.png")
    assert ads(tmp_path, done) == {}
    with pytest.raises(ValueError, match="only 1 rows now"):
        done.check_end()


def test_a_store_of_any_kind_is_walked_in_order_a_folder_at_a_time() -> None:
    store = fsspec.filesystem("memory")
    for name in ("b.png", "a.png", "deep/c.png", "deep/notes.txt", "z/y/x.png"):
        store.pipe_file(f"/walked/{name}", PNG)
    store.pipe_file("/walked/m.csv", b"file,text\ndeep/c.png,one\nmemory://walked/a.png,two\n")
    try:
        found = ads("memory://walked")
        assert [ad.id for ad in found.values()] == ["a.png", "b.png", "deep/c.png", "z/y/x.png"]
        by_manifest = ads("memory://walked/m.csv")
        assert [ad.image for ad in by_manifest.values()] == [PNG, PNG]
    finally:
        store.rm("/walked", recursive=True)


def test_reading_ahead_keeps_the_order_and_reads_no_further_than_it_must() -> None:
    read: list[int] = []

    def row(number: int) -> Row:
        def reading() -> Ad:
            read.append(number)
            return Ad(id=str(number))

        return Row(number, str(number), reading)

    ahead = read_ahead((row(n) for n in range(1, 1_000)), 4)
    assert [next(ahead)[1].id for _ in range(10)] == [str(n) for n in range(1, 11)]
    assert max(read) <= 14
    ahead.close()
