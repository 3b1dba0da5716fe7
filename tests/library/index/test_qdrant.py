"""Qdrant: replicas that share a server, restarts, and failures that must not look like 'none'."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adjudicate.errors import Code, ConfigurationError, ServiceError
from executors.library.index import FollowingIndex, make_indexes
from executors.library.index.qdrant import QdrantIndex, connect, point_id
from executors.shared.settings import LibrarySettings
from tests.library.index.handmade import HandmadeStore, axis, entry
from tests.library.index.vectors import normed, places_of


def collection(client: Any, version: str = "v1") -> QdrantIndex:
    return QdrantIndex(client, "test", version, "image")


def test_replicas_write_the_same_points_and_each_finds_by_its_own_places() -> None:
    client = connect(":memory:")
    vectors = normed(np.random.default_rng(0), 40, 16)
    one, two = collection(client), collection(client)
    one.add(np.arange(40), vectors)
    two.add(100 + np.arange(20), vectors[:20])
    (name,) = (known.name for known in client.get_collections().collections)
    assert client.count(name).count == 40
    live = np.ones(120, bool)
    ad = [vectors[5][None]]
    assert places_of(one.search(ad, np.full(120, 0.99), live)) == [{5}]
    assert places_of(two.search(ad, np.full(120, 0.99), live)) == [{105}]
    # What only the other replica knows is not found here: it is not in this one's snapshot.
    assert places_of(two.search([vectors[30][None]], np.full(120, 0.99), live)) == [set()]


def test_a_restart_writes_only_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(":memory:")
    vectors = normed(np.random.default_rng(0), 30, 16)
    collection(client).add(np.arange(20), vectors[:20])
    written: list[str] = []
    upsert = client.upsert

    def counting(name: str, points: list[Any], **options: Any) -> Any:
        written.extend(point.id for point in points)
        return upsert(name, points, **options)

    monkeypatch.setattr(client, "upsert", counting)
    again = collection(client)
    again.add(np.arange(30), vectors)
    assert sorted(written) == sorted(point_id(vector) for vector in vectors[20:])
    live = np.ones(30, bool)
    assert places_of(again.search([vectors[3][None]], np.full(30, 0.99), live)) == [{3}]


def test_each_encoder_has_a_collection_of_its_own() -> None:
    client = connect(":memory:")
    collection(client, "v1").add(np.arange(1), axis(0)[None])
    collection(client, "v2").add(np.arange(1), axis(0, dimension=16)[None])
    assert len(client.get_collections().collections) == 2


def test_a_server_that_fails_is_an_error_and_never_no_match(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = connect(":memory:")
    store = HandmadeStore()
    index = FollowingIndex(store, lambda version, what: QdrantIndex(client, "t", version, what))
    store.put(entry("a", axis(0)))
    snapshot = index.current("")

    def down(*arguments: Any, **options: Any) -> Any:
        raise ConnectionError("refused")

    with monkeypatch.context() as broken:
        broken.setattr(client, "query_batch_points", down)
        broken.setattr(client, "retrieve", down)
        for ask in (
            lambda: snapshot.search("image", [axis(0)[None]], np.full(1, 0.9)),
            lambda: snapshot.nearest("image", [axis(0)[None]], 1),
        ):
            with pytest.raises(ServiceError) as failure:
                ask()
            assert failure.value.code == Code.ROOM_UNAVAILABLE
        store.put(entry("b", axis(1)))
        with pytest.raises(ServiceError):
            index.current("")
    snapshot = index.current("")
    found = snapshot.search("image", [axis(1)[None]], np.full(len(snapshot.entries), 0.9))
    assert [snapshot.entries[hit.place].id for hit in found[0]] == ["b"]


def test_what_was_written_to_a_folder_is_there_after_a_restart(tmp_path: Path) -> None:
    vectors = normed(np.random.default_rng(0), 5, 16)
    first = connect(str(tmp_path / "qdrant"))
    collection(first).add(np.arange(5), vectors)
    first.close()
    again = collection(connect(str(tmp_path / "qdrant")))
    again.add(np.arange(5), vectors)
    live = np.ones(5, bool)
    assert places_of(again.search([vectors[4][None]], np.full(5, 0.99), live)) == [{4}]


def test_no_server_at_the_url_is_said_at_the_start() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = LibrarySettings(index="qdrant", qdrant_url=f"http://127.0.0.1:{port}")
    with pytest.raises(ConfigurationError, match=r"QDRANT_URL: no Qdrant answers at http://127"):
        make_indexes(settings)


@pytest.mark.parametrize(("kind", "module"), [("ivf", "faiss"), ("qdrant", "qdrant_client")])
def test_a_missing_package_is_said_at_the_start(kind: str, module: str) -> None:
    program = f"""
import sys
sys.modules[{module!r}] = None
from adjudicate.errors import ConfigurationError
from executors.library.index import make_indexes
from executors.shared.settings import LibrarySettings
try:
    make_indexes(LibrarySettings(index={kind!r}))
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    extra = "faiss" if kind == "ivf" else "qdrant"
    assert done.stdout.count(f"pip install 'adjudicate[{extra}]'") == 1, done.stderr
