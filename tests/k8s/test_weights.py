"""Weights come from an object store: the container that fetches them, run against one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs
from moto.server import ThreadedMotoServer

from tests.k8s.built import ROOT, build, container_of, deployments, of_kind, pod_of, settings_of


@pytest.fixture
def store() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_the_rooms_model_is_there_when_it_starts(store: str, tmp_path: Path) -> None:
    """The overlay's own command, with the overlay's own addresses; the store is another."""
    resources = build("gpu")
    (fetching,) = pod_of(deployments("gpu")["encoder"])["initContainers"]
    (weights,) = [
        each["data"]
        for name, each in of_kind(resources, "ConfigMap").items()
        if name.startswith("weights-")
    ]
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    bucket, _, folder = weights["ENCODER"].removeprefix("s3://").partition("/")
    fs = s3fs.S3FileSystem(key="testing", secret="testing", endpoint_url=store)
    fs.mkdir(bucket)
    for file in (ROOT / "models" / "clip").iterdir():
        fs.put_file(str(file), f"{bucket}/{folder}/{file.name}")
    models = tmp_path / "models"
    models.mkdir()
    code = fetching["args"][0].replace("/models/", f"{models}/")

    subprocess.run(
        [sys.executable, *fetching["command"][1:], code],
        env={"PATH": os.environ["PATH"], "ROOM": "encoder", **weights, **keys}
        | {"AWS_ENDPOINT_URL": store, "HOME": str(tmp_path)},
        check=True,
        timeout=120,
    )

    assert fetching["command"] == ["python", "-c"]
    assert {file.name for file in models.iterdir()} == {
        file.name for file in (ROOT / "models" / "clip").iterdir()
    }
    assert (models / "open_clip_model.safetensors").read_bytes() == (
        ROOT / "models" / "clip" / "open_clip_model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(
    ("overlay", "rooms"), [("gpu", ("encoder", "judge")), ("cloud", ("encoder",))]
)
def test_a_room_on_gpus_reads_what_was_fetched(overlay: str, rooms: tuple[str, ...]) -> None:
    resources = build(overlay)
    (weights,) = [
        each["data"]
        for name, each in of_kind(resources, "ConfigMap").items()
        if name.startswith("weights-")
    ]
    for room, deployment in deployments(overlay).items():
        pod = pod_of(deployment)
        assert ("initContainers" in pod) == (room in rooms)
        if room not in rooms:
            continue
        assert weights[room.upper()].startswith("s3://")
        assert settings_of(resources, room)[f"ADJUDICATE_{room.upper()}__MODEL"] == "/models"
        mounts = {each["name"]: each for each in container_of(deployment)["volumeMounts"]}
        assert mounts["weights"] == {"name": "weights", "mountPath": "/models", "readOnly": True}
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        (fetching,) = pod["initContainers"]
        (told,) = [each for each in fetching["env"] if each["name"] == "ROOM"]
        assert told["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['app']"
        assert labels["app"] == room
        assert fetching["image"].rpartition("/")[2].startswith("client:")
