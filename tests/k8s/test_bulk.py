"""The bulk job: its own command, run against an object store and a service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3fs

from tests.client.bulk.made import PNG
from tests.client.conftest import servers, service
from tests.client.fake import FakeServers
from tests.k8s.built import Resource, build, of_kind
from tests.k8s.test_weights import store

__all__ = ["servers", "service", "store"]


def job() -> Resource:
    cron: dict[str, Any] = of_kind(build("cloud"), "CronJob")["bulk"]
    return cron


def container() -> Resource:
    (found,) = job()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def run(store: str, url: str, folder: Path) -> int:
    """The container's command with its own variables; only folder, store and service are others."""
    (folder / "out").mkdir(exist_ok=True)
    given = {each["name"]: each.get("value", "") for each in container()["env"]}
    done = subprocess.run(
        [sys.executable, "-c", container()["args"][0].replace("/out/", f"{folder}/out/")],
        env={
            **given,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": store,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "ADJUDICATE_URL": url,
            "ADJUDICATE_API_KEY": "",
        },
        capture_output=True,
        timeout=120,
    )
    return done.returncode


@pytest.fixture
def bucket(store: str) -> Iterator[s3fs.S3FileSystem]:
    given = {each["name"]: each.get("value", "") for each in container()["env"]}
    fs = s3fs.S3FileSystem(key="testing", secret="testing", endpoint_url=store)
    name = given["ADS"].split("/")[2]
    fs.mkdir(name)
    yield fs
    fs.rm(name, recursive=True)  # all stores of a process share what they hold


def test_the_decisions_of_a_folder_are_in_the_bucket(
    store: str, bucket: s3fs.S3FileSystem, servers: FakeServers, tmp_path: Path
) -> None:
    given = {each["name"]: each.get("value", "") for each in container()["env"]}
    for name in ("a.png", "new/b.png"):
        bucket.pipe_file(f"{given['ADS']}/{name}", PNG)

    status = run(store, servers.urls["grpc"], tmp_path)

    bucket.invalidate_cache()
    decisions = [json.loads(line) for line in bucket.cat_file(given["DECISIONS"]).splitlines()]
    assert status == 0
    assert {each["ad_id"] for each in decisions} == {"a.png", "new/b.png"}


def test_a_folder_that_is_not_there_ends_the_job_and_an_outage_does_not(
    store: str, bucket: s3fs.S3FileSystem, tmp_path: Path
) -> None:
    """Statuses of the command line (docs/cli.md): 2 is wrong use, 3 a service that is away."""
    given = {each["name"]: each.get("value", "") for each in container()["env"]}

    status = run(store, "grpc://127.0.0.1:9", tmp_path)

    (rule,) = job()["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["containerName"] == container()["name"]
    assert 3 not in rule["onExitCodes"]["values"]
    assert status in rule["onExitCodes"]["values"], status
    assert not bucket.exists(given["DECISIONS"])
