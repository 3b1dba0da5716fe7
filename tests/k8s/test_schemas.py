"""Every resource is of the form that its API takes, with no field that the API would drop.

Kubernetes' own by `kubernetes-validate`, at the oldest release that is supported upstream in
November 2026 and at the newest that there is. Those of add-ons by the types that their projects
publish, through npm.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.k8s.built import K8S, OVERLAYS, ROOT, Resource, build

TOOL = ROOT / ".venv" / "tools" / "bin" / "kubernetes-validate"
RELEASES = ("1.35", "1.37")
ADD_ONS = (
    "external-secrets.io",
    "gateway.envoyproxy.io",
    "gateway.networking.k8s.io",
    "keda.sh",
    "monitoring.coreos.com",
)
SCHEMA = Path(__file__).parent / "schema"
INSTALL_S = 120


def is_add_on(resource: Resource) -> bool:
    return resource["apiVersion"].split("/")[0] in ADD_ONS


def everything(overlays: tuple[str, ...] = OVERLAYS) -> list[Resource]:
    """Of these overlays, what is the same in several once."""
    found = {str(each): each for overlay in overlays for each in build(overlay)}
    return list(found.values())


def complaints(resources: list[Resource], release: str, folder: Path) -> str:
    if not TOOL.exists():
        pytest.skip("kubernetes-validate is not installed: make tools")
    file = folder / "resources.yaml"
    file.write_text(yaml.safe_dump_all(resources), encoding="utf-8")
    command = [str(TOOL), "--strict", "--quiet", "-k", release, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return (done.stdout + done.stderr).strip()


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_kubernetes_own_is_valid_strictly(release: str, tmp_path: Path) -> None:
    # `next` is `cloud` with another word for the namespace, which is not looked at here.
    resources = [each for each in everything(("dev", "gpu", "cloud")) if not is_add_on(each)]

    assert complaints(resources, release, tmp_path) == ""


def test_a_field_that_kubernetes_does_not_know_is_found(tmp_path: Path) -> None:
    (room,) = [
        e for e in build("dev") if (e["kind"], e["metadata"]["name"]) == ("Deployment", "judge")
    ]
    room["spec"]["template"]["spec"]["terminationGracePeriod"] = 90

    assert "terminationGracePeriod" in complaints([room], RELEASES[0], tmp_path)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages and the JSON schema that is made of their types."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: apt-get install npm")
    folder = tmp_path_factory.mktemp("schema")
    for file in SCHEMA.iterdir():
        shutil.copy(file, folder)
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error", "--prefer-offline")
    try:
        subprocess.run(
            [npm, "install", *quiet], cwd=folder, check=True, capture_output=True, timeout=INSTALL_S
        )
    except subprocess.SubprocessError as error:
        pytest.skip(f"the npm packages cannot be installed: {error}")
    how = ("--tsconfig", "tsconfig.json", "--path", "sheet.ts", "--type", "Sheet")
    made = subprocess.run(
        ["node_modules/.bin/ts-json-schema-generator", *how, "--expose", "none", "--no-type-check"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stderr
    (folder / "schema.json").write_text(made.stdout, encoding="utf-8")
    return folder


@cache
def schemas(models: Path) -> dict[str, Any]:
    """By kind. The types close every object, the free ones of `any JSON` too: those are opened."""
    schema = json.loads((models / "schema.json").read_text(encoding="utf-8"))

    def open_free(node: object) -> None:
        if isinstance(node, dict):
            if node.get("additionalProperties") is False and not node.get("properties"):
                del node["additionalProperties"]
            for child in node.values():
                open_free(child)
        elif isinstance(node, list):
            for child in node:
                open_free(child)

    open_free(schema)
    kinds: dict[str, Any] = schema["definitions"]["Sheet"]["properties"]
    return {kind: {**one, "definitions": schema["definitions"]} for kind, one in kinds.items()}


def unknown_or_missing(models: Path, resource: Resource) -> list[str]:
    """By the types: nothing else may stand there."""
    errors = Draft7Validator(schemas(models)[resource["kind"]]).iter_errors(resource)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def refused(models: Path, resources: list[Resource]) -> list[str]:
    """By the models' validators, which know bounds and patterns beside; empty for what is valid."""
    done = subprocess.run(
        ["node", "check.mjs"],
        cwd=models,
        input=json.dumps(resources),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said: list[str] = json.loads(done.stdout)
    return said


def test_what_is_an_add_ons_is_valid_strictly(models: Path) -> None:
    resources = [each for each in everything() if is_add_on(each)]

    assert {each["kind"] for each in resources} == set(schemas(models))
    for resource, said in zip(resources, refused(models, resources), strict=True):
        who = f"{resource['kind']} {resource['metadata']['name']}"
        assert unknown_or_missing(models, resource) == [], who
        assert said == "", who


def test_a_field_that_an_add_on_does_not_know_is_found(models: Path) -> None:
    scaled = next(each for each in build("gpu") if each["kind"] == "ScaledObject")
    scaled["spec"]["maxReplicas"] = 3

    assert "'maxReplicas' was unexpected" in unknown_or_missing(models, scaled)[0]


def test_a_value_beyond_an_add_ons_bounds_is_found(models: Path) -> None:
    route = next(each for each in build("gpu") if each["kind"] == "HTTPRoute")
    route["spec"]["hostnames"] = ["ADS.example.com"]

    assert "pattern" in refused(models, [route])[0]


def test_no_resource_stands_twice_in_an_overlay() -> None:
    for overlay in OVERLAYS:
        names = [(e["apiVersion"], e["kind"], e["metadata"]["name"]) for e in build(overlay)]
        assert len(names) == len(set(names))


def test_every_resource_is_in_the_namespace_of_its_overlay() -> None:
    for overlay in OVERLAYS:
        namespace = "adjudicate-next" if overlay == "next" else "adjudicate"
        for resource in build(overlay):
            if resource["kind"] == "Namespace":
                assert resource["metadata"]["name"] == namespace
            else:
                assert resource["metadata"]["namespace"] == namespace, resource["metadata"]


def test_every_file_of_k8s_is_used_by_an_overlay() -> None:
    used = {K8S / "overlays" / "next" / "weights.yaml"}  # for kubectl patch
    for file in K8S.rglob("kustomization.yaml"):
        used.add(file)
        for name in files_named(yaml.safe_load(file.read_text(encoding="utf-8"))):
            used.add(file.parent / name)
    lying = {file for file in K8S.rglob("*") if file.is_file() and file not in used}
    assert lying == {K8S / ".checkov.yaml"}


def files_named(node: object) -> list[str]:
    """What a kustomization names by `path`, `envs`, `files` and `resources`."""
    found: list[str] = []
    if isinstance(node, dict):
        found += [node["path"]] if isinstance(node.get("path"), str) else []
        for key in ("envs", "files", "resources"):
            found += [
                name.rpartition("=")[2] for name in node.get(key, []) if isinstance(name, str)
            ]
        for child in node.values():
            found += files_named(child)
    elif isinstance(node, list):
        for child in node:
            found += files_named(child)
    return found
