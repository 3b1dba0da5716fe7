"""The variables' rules and the layout of addresses, evaluated by Terraform itself.

The provider is not at hand everywhere, so the module under test is variables.tf alone, with the
subnets' own expressions as outputs: Terraform needs no provider for these.
"""

import ipaddress
import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.terraform.hcl import FOLDER

pytestmark = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="terraform is not installed"
)

REQUIRED = {
    "region": '"eu-central-1"',
    "zones": '["eu-central-1a", "eu-central-1b", "eu-central-1c", "eu-central-1d"]',
    "admin_role_arns": '["arn:aws:iam::123456789012:role/admin"]',
    "hostname": '"ads.example.com"',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("variables")
    shutil.copy(FOLDER / "variables.tf", made)
    network = (FOLDER / "network.tf").read_text()
    outputs = []
    for tier in ("public", "data", "private"):
        subnet = network.split(f'resource "aws_subnet" "{tier}"')[1]
        layout = re.search(r"cidr_block\s+= (cidrsubnet\(.*)\n", subnet)
        assert layout is not None
        cidr = layout[1].replace("each.value", "index")
        outputs.append(f'output "{tier}" {{ value = [for index, _ in var.zones : {cidr}] }}')
    data = re.search(r"data_cidr = (.*)", (FOLDER / "outputs.tf").read_text())
    assert data is not None
    outputs.append(f'output "all_data" {{ value = {data[1]} }}')
    (made / "outputs.tf").write_text("\n".join(outputs))
    assert _terraform(made, "init", "-input=false").returncode == 0
    return made


def test_the_subnets_of_four_zones_do_not_overlap(folder: Path) -> None:
    values = _outputs(folder)
    tiers = values["public"] + values["data"] + values["private"]
    subnets = [ipaddress.ip_network(cidr) for cidr in tiers]

    assert len(subnets) == 12
    assert not any(one.overlaps(other) for one, other in itertools.combinations(subnets, 2))
    assert all(subnet.subnet_of(ipaddress.ip_network("10.60.0.0/16")) for subnet in subnets)


def test_what_the_network_policy_lets_out_is_the_data_subnets_alone(folder: Path) -> None:
    values = _outputs(folder)
    let_out = ipaddress.ip_network(values["all_data"])

    assert all(ipaddress.ip_network(cidr).subnet_of(let_out) for cidr in values["data"])
    others = [ipaddress.ip_network(cidr) for cidr in values["public"] + values["private"]]
    assert not any(other.overlaps(let_out) for other in others)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("name", '"Adjudicate"'),
        ("name", '"a-name-that-is-far-too-long"'),
        ("zones", '["eu-central-1a"]'),
        ("zones", '["eu-central-1a", "eu-central-1a"]'),
        ("admin_role_arns", "[]"),
        ("endpoint_public_cidrs", '["0.0.0.0/0"]'),
        ("endpoint_public_cidrs", '["10.0.0.0"]'),
        ("client_cidrs", '["everybody"]'),
        ("ingress_node_port", "443"),
        ("vpc_cidr", '"10.0.0.0/24"'),
        ("kubernetes_version", '"latest"'),
        ("cpu_nodes", "{ min = 0, max = 3 }"),
        ("gpu_nodes", "{ min = 3, max = 2 }"),
        ("gpu_capacity_type", '"CHEAP"'),
        ("database_backup_days", "0"),
        ("cache_nodes", "9"),
    ],
)
def test_a_wrong_value_is_refused_with_a_reason(folder: Path, variable: str, value: str) -> None:
    done = _plan(folder, {**REQUIRED, variable: value})

    assert done.returncode != 0
    assert "Invalid value for variable" in done.stderr
    assert variable in done.stderr


def _outputs(folder: Path) -> dict:
    assert (done := _plan(folder, REQUIRED, "-out=plan")).returncode == 0, done.stderr
    shown = json.loads(_terraform(folder, "show", "-json", "plan").stdout)
    return {name: value["value"] for name, value in shown["planned_values"]["outputs"].items()}


def _plan(folder: Path, values: dict[str, str], *more: str) -> subprocess.CompletedProcess[str]:
    (folder / "terraform.tfvars").write_text("\n".join(f"{k} = {v}" for k, v in values.items()))
    return _terraform(folder, "plan", "-input=false", "-no-color", "-compact-warnings", *more)


def _terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1"}
    command = ["terraform", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
