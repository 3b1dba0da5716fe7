"""The pictures of ads: one place for the gateway, which writes, and the ledger, which deletes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from moto.server import ThreadedMotoServer

from executors.shared.pictures import PictureStore
from tests.k8s.built import OVERLAYS, build, container_of, deployments, of_kind, pod_of, settings_of

KEEP = ("gateway", "ledger")
OTHERS = ("encoder", "library", "judge")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_gateway_and_ledger_keep_them_in_one_place_and_no_other_room_does(overlay: str) -> None:
    resources = build(overlay)
    gateway, ledger = (settings_of(resources, room)["ADJUDICATE_PICTURES"] for room in KEEP)
    assert gateway == ledger
    for room in OTHERS:
        assert "ADJUDICATE_PICTURES" not in settings_of(resources, room)


def test_of_one_node_it_is_a_volume_that_both_mount() -> None:
    resources = build("dev")
    assert "pictures" in of_kind(resources, "PersistentVolumeClaim")
    for room in KEEP:
        deployment = deployments("dev")[room]
        (volume,) = [each for each in pod_of(deployment)["volumes"] if each["name"] == "pictures"]
        assert volume["persistentVolumeClaim"] == {"claimName": "pictures"}
        mounts = {m["name"]: m for m in container_of(deployment)["volumeMounts"]}
        folder = settings_of(resources, room)["ADJUDICATE_PICTURES"]
        assert mounts["pictures"] == {"name": "pictures", "mountPath": folder}


@pytest.mark.parametrize("overlay", ["gpu", "cloud", "next"])
def test_of_several_nodes_it_is_an_object_store(overlay: str) -> None:
    """A volume of one node would keep one of the two pods from starting on another."""
    resources = build(overlay)
    assert "pictures" not in of_kind(resources, "PersistentVolumeClaim")
    for room in KEEP:
        assert settings_of(resources, room)["ADJUDICATE_PICTURES"].startswith("s3://")


@pytest.mark.parametrize("room", KEEP)
def test_the_store_of_the_gpu_overlay_is_entered_by_a_file_that_is_mounted(room: str) -> None:
    deployment, told = deployments("gpu")[room], settings_of(build("gpu"), room)
    folder, _, file = told["AWS_SHARED_CREDENTIALS_FILE"].rpartition("/")
    (mount,) = [m for m in container_of(deployment)["volumeMounts"] if m["mountPath"] == folder]
    assert mount["readOnly"] is True
    (volume,) = [v for v in pod_of(deployment)["volumes"] if v["name"] == mount["name"]]
    assert volume["secret"] == {"secretName": "pictures-access", "defaultMode": 0o440}
    assert file == "credentials"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 on this machine."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    httpx.post(f"http://{host}:{port}/moto-api/reset")  # all of this process are one
    server.stop()


def test_what_the_gateway_writes_there_the_ledger_deletes(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the overlay's own address; the store is another."""
    import s3fs

    told = settings_of(build("gpu"), "gateway")
    assert told["AWS_ENDPOINT_URL"].startswith("http://minio.minio.svc")
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = told["ADJUDICATE_PICTURES"].removeprefix("s3://").partition("/")[0]
    s3fs.S3FileSystem().mkdir(f"/{bucket}")
    gateway, ledger = (PictureStore(told["ADJUDICATE_PICTURES"]) for _ in KEEP)

    picture = gateway.put(b"a picture")
    assert gateway.get(picture) == b"a picture"
    assert [*ledger.hashes()] == [picture]
    assert ledger.delete([picture]) == 1
    with pytest.raises(FileNotFoundError):
        gateway.get(picture)
