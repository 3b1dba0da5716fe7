"""Pictures are kept before the decisions of their ads are answered."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from docarray import DocList
from jina.types.request.data import DataRequest

from adjudicate.documents import Ad, Decision
from executors.gateway.routing.keeping import Keeping
from executors.gateway.routing.pictures import documents
from executors.shared.pictures import PictureStore


class Full(PictureStore):
    """A store that takes nothing, or not at once."""

    def __init__(self, url: str, failures: int) -> None:
        super().__init__(url)
        self.failures = failures

    def put(self, data: bytes) -> str:
        self.failures -= 1
        if self.failures >= 0:
            raise OSError(28, "No space left on device")
        return super().put(data)


def packed(docs: list[Any]) -> DataRequest:
    request = DataRequest()
    request.document_array_cls = DocList[type(docs[0])]
    request.data.docs = DocList[type(docs[0])](docs)
    return request


def decision(outcome: str, *, days: float = 0, **said: Any) -> Decision:
    at = datetime.now(UTC) - timedelta(days=days)
    return Decision(outcome=outcome, decided_at=at.isoformat(timespec="milliseconds"), **said)


async def keep(store: PictureStore, ads: list[Ad], said: list[Decision], mode: str = "all") -> Any:
    answer = packed(said)
    await Keeping(store, mode).keep(documents(packed(ads)), answer)
    answer.document_array_cls = DocList[Decision]
    return answer.data.docs


def kept(store: PictureStore) -> set[bytes]:
    return {store.get(one) for one in store.hashes()}


async def test_each_ad_with_a_picture_has_it_kept(tmp_path: Path) -> None:
    store = PictureStore(str(tmp_path))
    ads = [Ad(image=b"one"), Ad(text="copy alone"), Ad(image=b"two"), Ad(image=b"one")]
    said = [decision("approve") for _ in ads]
    answered = await keep(store, ads, said)
    assert kept(store) == {b"one", b"two"}
    assert [one.id for one in answered] == [one.id for one in said]
    assert hashlib.sha256(b"one").hexdigest() in set(store.hashes())


async def test_what_could_not_be_reviewed_is_not_kept(tmp_path: Path) -> None:
    store = PictureStore(str(tmp_path))
    await keep(
        store, [Ad(image=b"bad"), Ad(image=b"good")], [decision("error"), decision("reject")]
    )
    assert kept(store) == {b"good"}


async def test_the_setting_says_of_which(tmp_path: Path) -> None:
    store = PictureStore(str(tmp_path))
    ads = [Ad(image=name.encode()) for name in ("approve", "reject", "escalate", "sampled")]
    said = [decision(name) for name in ("approve", "reject", "escalate")]
    await keep(store, ads, [*said, decision("approve", audit=True)], "reviewed")
    assert kept(store) == {b"reject", b"escalate", b"sampled"}


async def test_a_decision_of_long_ago_brings_no_picture_back(tmp_path: Path) -> None:
    """Sent again with its key; retention may have deleted the picture since."""
    store = PictureStore(str(tmp_path))
    ads = [Ad(image=b"old"), Ad(image=b"new")]
    await keep(store, ads, [decision("approve", days=2), decision("approve", days=0.5)])
    assert kept(store) == {b"new"}


async def test_a_picture_that_cannot_be_kept_is_its_ads_error_alone(tmp_path: Path) -> None:
    store = Full(str(tmp_path), failures=1_000)
    ads = [Ad(id="picture", image=b"picture"), Ad(id="copy", text="copy")]
    said = [decision("approve", ad_id="picture"), decision("approve", ad_id="copy")]
    refused, fine = await keep(store, ads, said)
    assert (refused.outcome, refused.problem.code) == ("error", "picture_not_kept")
    assert (refused.id, refused.ad_id) == (said[0].id, "picture")
    assert refused.reasons == ["picture_not_kept"]
    assert (fine.outcome, fine.problem) == ("approve", None)


@pytest.mark.parametrize(("failures", "outcome"), [(2, "approve"), (3, "error")])
async def test_it_is_tried_again(tmp_path: Path, failures: int, outcome: str) -> None:
    store = Full(str(tmp_path), failures)
    (answered,) = await keep(store, [Ad(image=b"picture")], [decision("approve")])
    assert answered.outcome == outcome


async def test_a_store_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from executors.gateway.routing import keeping

    monkeypatch.setattr(keeping, "PATIENCE_S", 0.05)
    answered_first = threading.Event()

    class Hanging(PictureStore):
        def put(self, data: bytes) -> str:
            answered_first.wait(30)
            return super().put(data)

    store = Hanging(str(tmp_path))
    (answered,) = await keep(store, [Ad(image=b"picture")], [decision("approve")])
    answered_first.set()
    assert answered.problem.code == "picture_not_kept"
