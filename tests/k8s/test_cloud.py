"""The cloud overlay: its one file of addresses, passwords as files, the next version beside it."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from executors.shared.settings import Settings, load_settings
from tests.k8s.built import (
    K8S,
    ROOMS,
    ROOT,
    Resource,
    build,
    build_text,
    container_of,
    containers_of,
    deployments,
    of_kind,
    pod_of,
    settings_of,
)

ENV = K8S / "overlays" / "cloud" / "cloud.env"
SECRETS_FOLDER = "/etc/adjudicate/secrets"
STATEFUL = ("gateway", "library", "ledger")


def written(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line)


OTHER = {
    "AWS_REGION": "xx-other-1",
    "REGISTRY": "999999999999.dkr.ecr.xx-other-1.amazonaws.com",
    "BUCKET": "other-bucket",
    "DATA_CIDR": "172.31.0.0/22",
    "ENCODER_ROLE_ARN": "arn:aws:iam::999999999999:role/other-encoder",
    "GATEWAY_ROLE_ARN": "arn:aws:iam::999999999999:role/other-gateway",
    "LEDGER_ROLE_ARN": "arn:aws:iam::999999999999:role/other-ledger",
    "BULK_ROLE_ARN": "arn:aws:iam::999999999999:role/other-bulk",
    "SECRETS_ROLE_ARN": "arn:aws:iam::999999999999:role/other-secrets",
    "HOSTNAME": "other.example.org",
    "QDRANT_URL": "http://other-qdrant.svc:6333",
    "JUDGE_URL": "http://other-vllm.svc:8000/v1",
    "JUDGE_MODEL": "other-model",
}


def test_every_address_comes_from_the_one_file(tmp_path: Path) -> None:
    """Another file, and nothing is left of the one that is committed."""
    for folder in (K8S, ROOT / "policies"):
        shutil.copytree(folder, tmp_path / folder.name)
    overlay = tmp_path / "k8s" / "overlays" / "cloud"
    (overlay / "cloud.env").write_text("".join(f"{k}={v}\n" for k, v in OTHER.items()))

    text = build_text(overlay)

    assert set(OTHER) == set(written(ENV))
    for name, value in OTHER.items():
        assert value in text, name
    for name, value in written(ENV).items():
        assert not re.search(rf"(?<![\w.-]){re.escape(value)}(?![\w-])", text), name
    assert "from-cloud.env" not in text


def test_terraform_writes_that_file() -> None:
    outputs = (ROOT / "terraform" / "eks" / "outputs.tf").read_text(encoding="utf-8")
    (text,) = re.findall(r'output "cloud_env".*?<<-ENV\n(.*?)\n\s*ENV\b', outputs, re.DOTALL)
    names = [line.strip().split("=")[0] for line in text.splitlines()]
    assert names == list(written(ENV))


def test_each_role_is_its_accounts_and_no_other_account_has_one() -> None:
    accounts = of_kind(build("cloud"), "ServiceAccount")
    roles = {
        name: each["metadata"].get("annotations", {}).get("eks.amazonaws.com/role-arn")
        for name, each in accounts.items()
    }
    env = written(ENV)
    assert roles == {
        **dict.fromkeys(ROOMS),
        "gateway": env["GATEWAY_ROLE_ARN"],
        "encoder": env["ENCODER_ROLE_ARN"],
        "ledger": env["LEDGER_ROLE_ARN"],
        "secrets": env["SECRETS_ROLE_ARN"],
        "bulk": env["BULK_ROLE_ARN"],
    }


def files_of(resources: list[Resource], room: str) -> dict[str, tuple[str, str]]:
    """The files in a room's folder of secrets: from which Secret, and which key of it."""
    deployment = of_kind(resources, "Deployment")[room]
    volumes = [each for each in pod_of(deployment)["volumes"] if each["name"] == "secrets"]
    return {
        item["path"]: (source["secret"]["name"], item["key"])
        for volume in volumes
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }


@pytest.mark.parametrize("room", [*STATEFUL, "judge"])
def test_a_rooms_passwords_are_files_that_its_settings_read(
    room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = build("cloud")
    variables = settings_of(resources, room)
    assert variables.pop("ADJUDICATE_SECRETS") == SECRETS_FOLDER
    mounts = {m["mountPath"]: m for m in container_of(deployments("cloud")[room])["volumeMounts"]}
    assert mounts[SECRETS_FOLDER]["readOnly"] is True
    for name in files_of(resources, room):
        assert name not in variables  # a variable would go before its file
        (tmp_path / name).write_text(a_secret(name))
    for name, value in {**variables, "ADJUDICATE_SECRETS": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)

    settings = load_settings()

    for name in files_of(resources, room):
        assert value_of(settings, name) == a_secret(name)


def a_secret(name: str) -> str:
    """One that a setting of this name takes."""
    if name.endswith("WEBHOOK__SECRET"):
        return "whsec_" + base64.b64encode(name.encode()).decode()
    scheme = "https" if name.endswith("WEBHOOK__URL") else "secret"
    return f"{scheme}://of-{name.lower()}"


def value_of(settings: Settings, variable: str) -> str:
    found: Any = settings
    for part in variable.removeprefix("ADJUDICATE_").lower().split("__"):
        found = getattr(found, part)
    return found.get_secret_value() if hasattr(found, "get_secret_value") else str(found)


def test_what_the_external_secrets_fill_is_what_the_rooms_refer_to() -> None:
    resources = build("cloud")
    referred: dict[str, set[str]] = {}
    for room in ROOMS:
        for secret, key in files_of(resources, room).values():
            referred.setdefault(secret, set()).add(key)
    filled = of_kind(resources, "ExternalSecret")
    assert {each["spec"]["target"]["name"] for each in filled.values()} == set(referred)
    for name, each in filled.items():
        (extracted,) = each["spec"]["dataFrom"]
        assert extracted["extract"]["key"] == name.replace("adjudicate-", "adjudicate/", 1)
    (store,) = of_kind(resources, "SecretStore").values()
    account = store["spec"]["provider"]["aws"]["auth"]["jwt"]["serviceAccountRef"]["name"]
    assert account in of_kind(resources, "ServiceAccount")
    assert referred == {
        "adjudicate-database": {"url"},
        "adjudicate-redis": {"rates-url", "cache-url"},
        "adjudicate-qdrant": {"api-key"},
        "adjudicate-judge-server": {"api-key"},
        "adjudicate-webhook": {"url", "secret"},
    }


def test_terraform_makes_those_secrets_with_those_keys() -> None:
    text = (ROOT / "terraform" / "eks" / "secrets.tf").read_text(encoding="utf-8")
    for name in of_kind(build("cloud"), "ExternalSecret"):
        assert re.search(rf"^\s+{name.removeprefix('adjudicate-')}\s+= \"", text, re.MULTILINE), (
            name
        )
    for key in ("url", "rates-url", "cache-url", "secret"):
        assert re.search(rf"^\s+{key}\s*=", text, re.MULTILINE), key


def test_the_database_is_known_by_its_authority() -> None:
    """The URL names this file (sslmode=verify-full), in each room that opens the database."""
    for room in STATEFUL:
        deployment = deployments("cloud")[room]
        (volume,) = [
            each for each in pod_of(deployment)["volumes"] if each["name"] == "database-ca"
        ]
        assert volume["configMap"]["name"].startswith("adjudicate-database-ca-")
        mounts = {m["name"]: m["mountPath"] for m in container_of(deployment)["volumeMounts"]}
        assert mounts["database-ca"] == "/etc/adjudicate/database"
    (authority,) = [
        each
        for name, each in of_kind(build("cloud"), "ConfigMap").items()
        if name.startswith("adjudicate-database-ca-")
    ]
    assert set(authority["data"]) == {"ca.pem"}


def test_no_room_of_the_cloud_keeps_anything() -> None:
    resources = build("cloud")
    assert set(of_kind(resources, "PersistentVolumeClaim")) == {"bulk"}  # a client's
    for room in ROOMS:
        for volume in pod_of(deployments("cloud")[room])["volumes"]:
            assert {"emptyDir", "projected", "configMap"} & set(volume), (room, volume)
    assert settings_of(resources, "library")["ADJUDICATE_LIBRARY__INDEX"] == "qdrant"
    assert settings_of(resources, "judge")["ADJUDICATE_JUDGE__BACKEND"] == "openai"


def test_the_next_version_asks_none_of_the_pods_that_serve() -> None:
    gateway = container_of(deployments("next")["gateway"])["args"]
    addresses = json.loads(gateway[gateway.index("--deployments-addresses") + 1])
    for room, found in addresses.items():
        assert found == [f"grpc://{room}.adjudicate-next.svc:8080"]
    for room, deployment in deployments("next").items():
        args = container_of(deployment)["args"]
        assert args[args.index("--k8s-namespace") + 1] == "adjudicate-next", room
        variables = settings_of(build("next"), room)
        assert variables["K8S_NAMESPACE_NAME"] == "adjudicate-next"
        assert "adjudicate.svc" not in yaml.safe_dump(deployment)


def test_the_next_version_is_the_same_but_for_its_namespace_and_its_entrance() -> None:
    here, there = build("cloud"), build("next")
    missing = {each["kind"] for each in here} - {each["kind"] for each in there}
    assert missing == {
        "Gateway",
        "HTTPRoute",
        "ClientTrafficPolicy",
        "BackendTrafficPolicy",
        "EnvoyProxy",
        "PrometheusRule",
    }
    for room in ROOMS:
        of_this, of_next = (of_kind(each, "Deployment")[room] for each in (here, there))
        assert list(containers_of(of_this))[-1]["image"] == container_of(of_next)["image"]
        assert pod_of(of_this)["volumes"] == pod_of(of_next)["volumes"]
        ours, theirs = settings_of(here, room), settings_of(there, room)
        ours.pop("K8S_NAMESPACE_NAME"), theirs.pop("K8S_NAMESPACE_NAME")
        assert ours == theirs
