"""What Terraform makes is what the cloud overlay, the images and the docs expect."""

import re

import pytest
import yaml

from tests.terraform.hcl import ROOT, Module, read

CLOUD = ROOT / "k8s" / "overlays" / "cloud"


@pytest.fixture(scope="module")
def module() -> Module:
    return read()


def test_the_overlay_gets_each_value_that_it_reads(module: Module) -> None:
    said = module.outputs()["cloud_env"]["value"][0]

    given = set(re.findall(r"^\s*([A-Z_]+)=", said, re.M))

    assert given == set(re.findall(r"^([A-Z_]+)=", (CLOUD / "cloud.env").read_text(), re.M))


def test_there_is_a_repository_for_each_image(module: Module) -> None:
    (repositories,) = (b for b in module.blocks() if b.type == "aws_ecr_repository")
    images = {path.parent.name for path in ROOT.glob("executors/*/Dockerfile")} | {"client"}

    named = re.findall(r"\w+", str(repositories.body["for_each"]).replace("toset", ""))
    assert set(named) == images


def test_there_is_a_secret_for_each_that_the_overlay_reads(module: Module) -> None:
    (secrets,) = (b for b in module.blocks() if b.type == "aws_secretsmanager_secret")
    text = "\n".join(path.read_text() for path in CLOUD.rglob("*.yaml"))

    read_by_overlay = set(re.findall(r"key: adjudicate/([\w-]+)", text))

    assert read_by_overlay
    assert read_by_overlay <= set(secrets.body["for_each"][0])


def test_the_roles_are_those_of_the_overlays_service_accounts(module: Module) -> None:
    accounts = {
        name: value["account"]
        for name, value in module.locals()["service_accounts"][0].items()
        if "local.namespaces" in str(value["namespaces"])
    }
    declared = {
        document["metadata"]["name"]
        for path in ROOT.glob("k8s/**/*.yaml")
        for document in yaml.safe_load_all(path.read_text())
        if isinstance(document, dict) and document.get("kind") == "ServiceAccount"
    }

    assert set(accounts.values()) == {"gateway", "encoder", "ledger", "bulk", "secrets"}
    assert set(accounts.values()) <= declared


class TestDocs:
    TEXT = (ROOT / "docs" / "cloud.md").read_text()

    def test_every_variable_is_in_the_table_with_its_default(self, module: Module) -> None:
        rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", self.TEXT, re.M))

        assert list(rows) == list(module.variables())
        for name, body in module.variables().items():
            expected = f"`{_hcl(body['default'][0])}`" if "default" in body else "required"
            assert rows[name] == expected, name

    def test_every_variable_says_what_it_is(self, module: Module) -> None:
        for name, body in module.variables().items():
            assert body["description"][0].endswith("."), name
            assert "type" in body, name

    def test_every_output_is_named(self, module: Module) -> None:
        for name in module.outputs():
            assert f"`{name}`" in self.TEXT or f" {name}" in self.TEXT, name


def _hcl(value: object) -> str:
    """A default as one writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(_hcl(item) for item in value)}]"
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_hcl(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return str(value)
