"""Pictures by their hash, in a folder and in an object store."""

import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from adjudicate.errors import ConfigurationError
from executors.shared import pictures as module
from executors.shared.pictures import DamagedPicture, PictureStore, keeps, open_pictures
from executors.shared.settings import Settings

PICTURE = b"\x89PNG picture"
HASH = hashlib.sha256(PICTURE).hexdigest()


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PictureStore]:
    if request.param == "folder":
        yield PictureStore(str(tmp_path / "a" / "pictures"))
        return
    yield PictureStore("memory://pictures/kept")
    fsspec.filesystem("memory").store.clear()


def test_a_picture_is_kept_by_the_hash_of_its_bytes(store: PictureStore) -> None:
    store.put(b"another")  # so that the memory's folder is there
    assert not store.has(HASH)
    assert store.put(PICTURE) == HASH
    assert store.has(HASH)
    assert store.get(HASH) == PICTURE
    assert store.put(PICTURE) == HASH
    assert HASH in set(store.hashes())
    assert len(list(store.hashes())) == 2


def test_a_deleted_picture_is_gone(store: PictureStore) -> None:
    store.put(PICTURE)
    assert store.delete([HASH, "0" * 64]) == 1
    assert not store.has(HASH)
    with pytest.raises(FileNotFoundError):
        store.get(HASH)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", HASH.upper(), HASH[:-1], f"{HASH}/.."])
def test_what_is_no_hash_is_not_looked_for(store: PictureStore, name: str) -> None:
    store.put(PICTURE)
    assert not store.has(name)
    assert store.delete([name]) == 0
    with pytest.raises(FileNotFoundError):
        store.get(name)


def test_a_picture_lies_at_its_hash_in_two_folders(tmp_path: Path) -> None:
    PictureStore(str(tmp_path)).put(PICTURE)
    assert (tmp_path / HASH[:2] / HASH[2:4] / HASH).read_bytes() == PICTURE


def test_bytes_that_have_changed_are_not_given_out(tmp_path: Path) -> None:
    store = PictureStore(str(tmp_path))
    store.put(PICTURE)
    (tmp_path / HASH[:2] / HASH[2:4] / HASH).write_bytes(PICTURE[::-1])
    with pytest.raises(DamagedPicture, match=HASH):
        store.get(HASH)


def test_one_that_is_cut_short_is_written_again(tmp_path: Path) -> None:
    store = PictureStore(str(tmp_path))
    store.put(PICTURE)
    (tmp_path / HASH[:2] / HASH[2:4] / HASH).write_bytes(PICTURE[:3])
    store.put(PICTURE)
    assert store.get(HASH) == PICTURE


def test_a_picture_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append("sync"), fsync(file)))
    monkeypatch.setattr(
        Path, "replace", lambda one, to: (done.append("rename"), replace(one, to))[1]
    )
    store = PictureStore(str(tmp_path))
    (tmp_path / HASH[:2] / HASH[2:4]).mkdir(parents=True)
    store.put(PICTURE)
    assert done == ["sync", "rename", "sync"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PictureStore(str(tmp_path))

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.put(PICTURE)
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []
    assert list(store.hashes()) == []


def test_many_threads_keep_the_same_picture(tmp_path: Path) -> None:
    store = PictureStore(str(tmp_path))
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(store.put, [PICTURE] * 40)) == {HASH}
    assert list(store.hashes()) == [HASH]
    assert list((tmp_path / ".new").iterdir()) == []


def test_what_a_killed_process_left_is_tidied_up_after_a_day(tmp_path: Path) -> None:
    store = PictureStore(str(tmp_path))
    old, new = tmp_path / ".new" / "old", tmp_path / ".new" / "new"
    for left in (old, new):
        left.write_bytes(b"half")
    yesterday = time.time() - 90_000
    os.utime(old, (yesterday, yesterday))
    assert store.tidy() == 1
    assert (old.exists(), new.exists()) == (False, True)
    assert list(store.hashes()) == []


def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"ADJUDICATE_PICTURES: .*cannot be made"):
        PictureStore(str(tmp_path / "file" / "pictures"))


def test_a_store_that_nobody_knows_is_said_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match=r"ADJUDICATE_PICTURES: .*nowhere"):
        PictureStore("nowhere://pictures")


def test_by_default_they_are_beside_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = open_pictures(Settings(database=f"sqlite:///{tmp_path / 'db' / 'a.db'}"))
    assert beside.url == str(tmp_path / "db" / "pictures")
    monkeypatch.setattr(module, "ROOT", tmp_path / "root")
    of_a_server = open_pictures(Settings(database="postgresql+psycopg://host/name"))
    assert of_a_server.url == str(tmp_path / "root" / "data" / "pictures")
    named = open_pictures(Settings(database="postgresql+psycopg://h/n", pictures=str(tmp_path)))
    assert named.url == str(tmp_path)


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("all", ["approve", "reject", "escalate", "sampled"]),
        ("reviewed", ["reject", "escalate", "sampled"]),
        ("none", []),
    ],
)
def test_which_pictures_are_kept(keep: str, kept: list[str]) -> None:
    outcomes = {name: name for name in ("approve", "reject", "escalate", "error")}
    found = [
        name
        for name, outcome in {**outcomes, "sampled": "approve"}.items()
        if keeps(keep, outcome, name == "sampled")
    ]
    assert found == kept
