"""The rules on Kubernetes: a ConfigMap that a running service follows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from executors.shared.policies import Policies
from tests.k8s.built import (
    OVERLAYS,
    ROOT,
    build,
    container_of,
    deployments,
    of_kind,
    pod_of,
    settings_of,
)

READERS = ("gateway", "library", "judge")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_rooms_that_read_rules_read_the_ones_of_this_tree(overlay: str) -> None:
    resources = build(overlay)
    rules = of_kind(resources, "ConfigMap")["policies"]["data"]
    files = {each.name: each.read_text(encoding="utf-8") for each in ROOT.glob("policies/*.yaml")}
    assert rules == files
    for room in READERS:
        folder = settings_of(resources, room)["ADJUDICATE_POLICIES"]
        deployment = deployments(overlay)[room]
        (mount,) = [m for m in container_of(deployment)["volumeMounts"] if m["name"] == "policies"]
        assert mount == {"name": "policies", "mountPath": folder, "readOnly": True}
        (volume,) = [v for v in pod_of(deployment)["volumes"] if v["name"] == "policies"]
        assert volume["configMap"] == {"name": "policies"}  # of a name that stays: no rollout


def test_an_edit_of_the_config_map_comes_into_force(tmp_path: Path) -> None:
    """As the kubelet does it: files are links into a folder that is exchanged as a whole."""
    rules = of_kind(build("dev"), "ConfigMap")["policies"]["data"]
    publish(tmp_path, "..1", rules)
    policies = Policies(tmp_path, poll_s=0.05)
    before = policies.current.version

    milder = rules["us.yaml"].replace("severity: high", "severity: low")
    publish(tmp_path, "..2", {**rules, "us.yaml": milder})

    deadline = time.monotonic() + 30
    while policies.current.version == before and time.monotonic() < deadline:
        time.sleep(0.05)
    policies.close()
    assert policies.current.version != before
    assert policies.problem == ""


def publish(folder: Path, name: str, files: dict[str, str]) -> None:
    (folder / name).mkdir()
    for file, text in files.items():
        (folder / name / file).write_text(text, encoding="utf-8")
        if not (folder / file).is_symlink():
            (folder / file).symlink_to(Path("..data", file))
    (folder / "..data_tmp").symlink_to(name)
    (folder / "..data_tmp").rename(folder / "..data")
