"""What the overlays build breaks none of checkov's policies for Kubernetes."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.k8s.built import K8S, ROOT, Resource, build, container_of

TOOL = ROOT / ".venv" / "tools" / "bin" / "checkov"
CONFIG = K8S / ".checkov.yaml"


def failed(
    folder: Path, resources: dict[str, list[Resource]], *options: str
) -> set[tuple[str, str]]:
    """Checks and what fails them, of all files together: a start of checkov takes seconds."""
    if not TOOL.exists():
        pytest.skip("checkov is not installed: make tools")
    for name, each in resources.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(each), encoding="utf-8")
    done = subprocess.run(
        [str(TOOL), "--directory", str(folder), "--skip-download", "--output", "json", *options],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=folder,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 100
    found = report["results"]["failed_checks"]
    return {(each["check_id"], each["resource"].split(".")[-1]) for each in found}


def test_no_policy_is_broken_and_a_broken_one_is_found(tmp_path: Path) -> None:
    resources = {overlay: build(overlay) for overlay in ("dev", "gpu", "cloud")}  # next is cloud's
    root = next(e for e in build("dev") if e["kind"] == "Deployment")
    root["metadata"]["name"] = "planted"
    container_of(root)["securityContext"]["readOnlyRootFilesystem"] = False
    container_of(root)["image"] = "adjudicate/gateway:latest"
    del container_of(root)["resources"]["limits"]["memory"]

    found = failed(tmp_path, {**resources, "planted": [root]}, "--config-file", str(CONFIG))

    assert found == {
        ("CKV_K8S_22", "planted"),
        ("CKV_K8S_14", "planted"),
        ("CKV_K8S_13", "planted"),
    }


def test_each_check_that_is_left_out_has_its_reason() -> None:
    lines = CONFIG.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\s+- CKV", line):
            assert lines[number - 1].strip().startswith("#"), line
