"""terraform/eks holds together: what it names exists, and it is written as Terraform writes it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.terraform.hcl import FOLDER, META, TOOLS, Module, arguments, read, references
from tests.terraform.provider_schema import KEPT, build, used_types

PROVIDER = json.loads(KEPT.read_text())["types"]


def unknown_arguments(module: Module) -> list[str]:
    """`address.argument` of everything that the provider does not take."""
    found = []
    for block in module.blocks():
        kind = ("data." if block.kind == "data" else "") + block.type
        if block.type.startswith("aws_"):
            body = {k: v for k, v in arguments(block.body).items() if k not in META}
            found += _unknown(body, PROVIDER[kind]["arguments"], block.address)
    return found


def dangling(module: Module) -> set[str]:
    """Names that expressions use and nothing declares."""
    text, blocks = module.text(), module.blocks()
    declared = {block.address for block in blocks}
    used = set(re.findall(r"(?<![\w.])((?:data\.|ephemeral\.)?(?:aws|random)_\w+\.\w+)", text))
    used = {name for name in used if "." in name}
    missing = used - declared
    missing |= {f"var.{name}" for name in references(text, "var") - set(module.variables())}
    missing |= {f"local.{name}" for name in references(text, "local") - set(module.locals())}
    return missing


def test_every_argument_is_one_that_the_provider_takes() -> None:
    assert unknown_arguments(read()) == []


def test_an_argument_with_a_typing_error_is_found(tmp_path: Path) -> None:
    changed = (FOLDER / "database.tf").read_text().replace("multi_az  ", "multi_zone")
    (tmp_path / "database.tf").write_text(changed)

    assert unknown_arguments(read(tmp_path)) == ["aws_db_instance.this.multi_zone"]


def test_every_attribute_that_is_read_is_one_that_the_provider_has() -> None:
    pattern = r"(?<![\w.])(data\.)?(aws_\w+)\.\w+(?:\[[^\]]*\])?\.(\w+)"
    for data, type_, attribute in re.findall(pattern, read().text()):
        assert attribute in PROVIDER[data + type_]["attributes"], f"{data}{type_}: {attribute}"


def test_every_name_in_an_expression_is_declared() -> None:
    assert dangling(read()) == set()


def test_a_missing_resource_and_variable_are_found(tmp_path: Path) -> None:
    for path in FOLDER.glob("*.tf"):
        if path.name != "cache.tf":
            text = path.read_text().replace('"log_retention_days"', '"x"')
            (tmp_path / path.name).write_text(text)

    missing = dangling(read(tmp_path))

    assert {"aws_elasticache_replication_group.this", "var.log_retention_days"} <= missing


def test_every_variable_and_local_is_used() -> None:
    module = read()
    text = module.text()

    assert set(module.variables()) == references(text, "var")
    assert set(module.locals()) == references(text, "local")


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_it_is_formatted_as_terraform_formats_it() -> None:
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-recursive", "-list=true", str(FOLDER.parent)],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.slow  # fetches 37 MB from npm
def test_the_kept_names_are_those_of_the_provider() -> None:
    assert build(used_types()) == json.loads(KEPT.read_text())


class TestPolicies:
    def test_checkov_finds_nothing(self) -> None:
        assert _failed(FOLDER) == set()

    def test_every_exception_says_why(self) -> None:
        exceptions = [
            line.split("checkov:skip=")[1]
            for path in FOLDER.glob("*.tf")
            for line in path.read_text().splitlines()
            if "checkov:skip=" in line
        ]

        assert exceptions
        assert all(len(reason.partition(":")[2]) > 20 for reason in exceptions)

    def test_an_open_bucket_and_a_plain_database_are_found(self, tmp_path: Path) -> None:
        for name in ("bucket.tf", "database.tf"):
            text = (FOLDER / name).read_text().replace("block_public_policy     = true", "")
            text = text.replace("storage_encrypted     = true", "storage_encrypted = false")
            (tmp_path / name).write_text(text)

        assert {"CKV_AWS_54", "CKV_AWS_16"} <= _failed(tmp_path)


def _unknown(body: dict, shape: dict, where: str) -> list[str]:
    found = []
    for name, value in body.items():
        if name not in shape:
            found.append(f"{where}.{name}")
        elif shape[name] is not None:
            for block in value if isinstance(value, list) else [value]:
                if isinstance(block, dict):
                    found += _unknown(arguments(block), shape[name], f"{where}.{name}")
    return found


def _failed(folder: Path) -> set[str]:
    """The checks of checkov that fail, from its own list."""
    command = [TOOLS / "checkov", "-d", folder, "--framework", "terraform", "--skip-download"]
    done = subprocess.run(
        [*command, "--quiet", "-o", "json"], capture_output=True, text=True, check=False
    )
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 30, done.stderr
    return {check["check_id"] for check in report["results"]["failed_checks"]}
