"""An S3 bucket as input, by a server that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import s3fs
from moto.server import ThreadedMotoServer

from adjudicate.bulk import rows
from adjudicate.bulk.done import Done
from adjudicate.bulk.sources import open_source
from tests.client.bulk.made import PNG


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The variables that every AWS tool reads."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    store = s3fs.S3FileSystem()
    store.mkdir("ads")
    yield store
    store.rm("ads", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def ids(what: str, done: Done | None = None) -> list[str]:
    source = open_source(what, {})
    return [str(row.read().id) for row in source.rows(done or Done())]


def test_a_prefix_is_listed_page_by_page_in_the_order_of_its_keys(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b.png", "a/2.png", "a/1.jpg", "notes.txt", "c/"):
        bucket.pipe_file(f"ads/today/{name}", PNG if name != "c/" else b"")
    bucket.pipe_file("ads/todayish/x.png", PNG)
    pages = []
    call = s3fs.S3FileSystem.call_s3

    def paged(self: Any, method: str, **asked: Any) -> Any:
        pages.append(method)
        return call(self, method, **{**asked, "MaxKeys": 2})

    monkeypatch.setattr(s3fs.S3FileSystem, "call_s3", paged)
    assert ids("s3://ads/today") == ["a/1.jpg", "a/2.png", "b.png"]
    assert pages == ["list_objects_v2"] * 3
    assert ids("s3://ads/today/") == ids("s3://ads/today")
    assert open_source("s3://ads", {}).count() == 4


def test_only_the_pictures_that_are_not_done_are_fetched(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        bucket.pipe_file(f"ads/{n}.png", PNG)
    fetched = []
    cat = s3fs.S3FileSystem.cat_file
    monkeypatch.setattr(
        s3fs.S3FileSystem,
        "cat_file",
        lambda self, path, **how: fetched.append(path) or cat(self, path, **how),
    )
    done = Done()
    done.add(2, "1.png")
    assert ids("s3://ads", done) == ["0.png", "2.png", "3.png", "4.png"]
    assert fetched == ["ads/0.png", "ads/2.png", "ads/3.png", "ads/4.png"]


def test_a_manifest_names_pictures_beside_it_and_elsewhere(bucket: Any) -> None:
    bucket.pipe_file("ads/deep/one.png", PNG)
    bucket.pipe_file("ads/empty.png", b"")
    said = "file,text\none.png,fine\ns3://ads/deep/one.png,x\ngone.png,\ns3://ads/empty.png,\n"
    bucket.pipe_file("ads/deep/m.csv", said.encode())
    source = open_source("s3://ads/deep/m.csv", {"market": "US"})
    assert source.distant
    found = [ad for _, ad in rows.read_ahead(source.rows(Done()), rows.READERS)]
    assert [ad.image for ad in found] == [PNG, PNG, None, b""]
    assert found[0].market == "US"
    assert found[2].problem is not None
    assert found[2].problem.code == "image_unreadable"


def test_lines_and_parquet_in_a_bucket(bucket: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    bucket.pipe_file("ads/a.jsonl", b'{"text": "one"}\n{"id": "two", "text": "2"}\n')
    assert ids("s3://ads/a.jsonl") == ["line 1", "two"]
    with bucket.open("ads/a.parquet", "wb") as file:
        pq.write_table(pa.table({"id": ["x", "y"], "image": [PNG, PNG]}), file)
    assert ids("s3://ads/a.parquet") == ["x", "y"]


def test_a_changed_object_is_another_input(bucket: Any) -> None:
    bucket.pipe_file("ads/a.jsonl", b'{"text": "one"}\n')
    before = open_source("s3://ads/a.jsonl", {}).identity()
    assert open_source("s3://ads/a.jsonl", {}).identity() == before
    bucket.pipe_file("ads/a.jsonl", b'{"text": "two"}\n')
    assert open_source("s3://ads/a.jsonl", {}).identity() != before


@pytest.mark.parametrize("what", ["s3://ads/none", "s3://no-such-bucket/x", "s3://ads/x.png"])
def test_what_is_not_there_is_a_sentence(bucket: Any, what: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"There is no {what}"):
        open_source(what, {})


def test_a_store_that_does_not_answer_is_a_sentence(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    with pytest.raises(OSError, match="s3://ads/x"):
        open_source("s3://ads/x", {})
