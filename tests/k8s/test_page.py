"""docs/kubernetes.md says what the manifests say."""

from __future__ import annotations

import re

from tests.k8s.built import K8S, ROOT, build, container_of, deployments, of_kind, pod_of
from tests.k8s.test_cloud import files_of

PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")


def test_the_table_of_components_has_each() -> None:
    (table,) = re.findall(r"\| component \| adds \|\n\|---\|---\|\n(.*?)\n\n", PAGE, re.DOTALL)
    named = [name for row in table.splitlines() for name in row.split("|")[1].strip().split(", ")]
    assert sorted(named) == sorted(each.name for each in (K8S / "components").iterdir())


def test_the_table_of_secrets_has_each_with_its_keys() -> None:
    resources = build("cloud")
    referred: dict[str, set[str]] = {"adjudicate-tls": {"tls.crt", "tls.key"}}
    for room in deployments("cloud"):
        for secret, key in files_of(resources, room).values():
            referred.setdefault(secret, set()).add(key)
    job = of_kind(resources, "CronJob")["bulk"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for variable in job["containers"][0]["env"]:
        if (source := variable.get("valueFrom", {}).get("secretKeyRef")) is not None:
            referred.setdefault(source["name"], set()).add(source["key"])

    told = {
        name: set(re.findall(r"`([^`]+)`", keys.split(":")[0]))
        for name, keys in re.findall(r"^\| `(adjudicate-[a-z-]+)` \| (.+?) \|", PAGE, re.MULTILINE)
    }

    assert told == referred


def test_its_numbers_are_those_of_the_manifests() -> None:
    gateway = deployments("cloud")["gateway"]
    prestop = container_of(gateway)["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = 75
    assert f"{prestop} s in which its address leaves" in PAGE
    assert f"up to {drain} s (`ADJUDICATE_SUPERVISOR__DRAIN_S`)" in PAGE
    assert pod_of(gateway)["terminationGracePeriodSeconds"] == prestop + drain + 10
    assert "10 s to end" in PAGE
    scaled = of_kind(build("gpu"), "ScaledObject")
    passes = [each["spec"]["triggers"][0]["metadata"]["threshold"] for each in scaled.values()]
    assert "({} pictures, {} ads)".format(*passes) in PAGE
    without = [each["spec"]["fallback"]["replicas"] for each in scaled.values()]
    assert "Without Prometheus there are {} and {}".format(*without) in PAGE
    by_cpu = of_kind(build("cloud"), "HorizontalPodAutoscaler")
    for room, words in (("gateway", "2 to 20"), ("library", "2 to 8"), ("ledger", "2 to 8")):
        spec = by_cpu[room]["spec"]
        assert f"{spec['minReplicas']} to {spec['maxReplicas']}" == words
    assert "2 to 20 and 2 to 8" in PAGE
