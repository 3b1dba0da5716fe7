"""What `kubectl kustomize` makes of the overlays, and how tests look into it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("dev", "gpu", "cloud", "next")
ROOMS = ("gateway", "encoder", "library", "judge", "ledger")

Resource = dict[str, Any]


@cache
def build_text(folder: Path) -> str:
    """The YAML that would be applied. Skips where there is no kubectl."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: https://kubernetes.io/docs/tasks/tools/")
    made = subprocess.run(
        [kubectl, "kustomize", str(folder)], capture_output=True, text=True, timeout=60
    )
    assert made.returncode == 0, made.stderr
    assert not made.stderr, f"{folder.name}: {made.stderr}"  # kustomize warns of what it will drop
    return made.stdout


def build(overlay: str) -> list[Resource]:
    """The resources of one of `OVERLAYS`, a fresh copy."""
    return deepcopy(_parsed(overlay))


@cache
def _parsed(overlay: str) -> list[Resource]:
    return list(yaml.load_all(build_text(K8S / "overlays" / overlay), yaml.CSafeLoader))


def of_kind(resources: list[Resource], kind: str) -> dict[str, Resource]:
    """Those of a kind, by name."""
    return {each["metadata"]["name"]: each for each in resources if each["kind"] == kind}


def deployments(overlay: str) -> dict[str, Resource]:
    """The rooms' Deployments by room; all five, or it fails."""
    found = of_kind(build(overlay), "Deployment")
    assert set(found) == set(ROOMS)
    return found


def pod_of(deployment: Resource) -> Resource:
    """The pod's spec."""
    spec: Resource = deployment["spec"]["template"]["spec"]
    return spec


def container_of(deployment: Resource) -> Resource:
    """The room's own container."""
    (container,) = pod_of(deployment)["containers"]
    found: Resource = container
    return found


def containers_of(deployment: Resource) -> Iterator[Resource]:
    """Every container, those before the room's too."""
    pod = pod_of(deployment)
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


def settings_of(resources: list[Resource], room: str) -> dict[str, str]:
    """The variables that a room's container gets from ConfigMaps and its own list."""
    maps = of_kind(resources, "ConfigMap")
    container = container_of(of_kind(resources, "Deployment")[room])
    variables: dict[str, str] = {}
    for source in container["envFrom"]:
        variables |= maps[source["configMapRef"]["name"]]["data"]
    variables |= {each["name"]: each["value"] for each in container["env"] if "value" in each}
    return variables


def selected(selector: Resource, labels: dict[str, str]) -> bool:
    """Whether a label selector takes something with these labels."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In", one
        if labels.get(one["key"]) not in one["values"]:
            return False
    return True
