"""Pods by load: what KEDA and the autoscaler ask is there, and means what they take it for."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from executors.shared.settings import EncoderSettings, JudgeSettings
from executors.shared.telemetry import catalogue
from grafana.__main__ import PROMETHEUS_RULE, prometheus_rule
from grafana.promql import name_of
from tests.grafana.metric_names import metrics
from tests.k8s.built import OVERLAYS, ROOMS, ROOT, build, deployments, of_kind, selected

GPU_BATCH = 256
"""Pictures in one pass of a card (docs/settings.md)."""


def scaled(overlay: str) -> dict[str, Any]:
    return of_kind(build(overlay), "ScaledObject")


@pytest.mark.parametrize("overlay", ["gpu", "cloud", "next"])
def test_keda_asks_for_metrics_that_the_rooms_have(overlay: str) -> None:
    namespace = "adjudicate-next" if overlay == "next" else "adjudicate"
    known = {name_of(catalogue.QUEUE_DEPTH), name_of(catalogue.GPU_UTILIZATION)}
    assert set(scaled(overlay)) == {"encoder", "judge"}
    for room, each in scaled(overlay).items():
        for trigger in each["spec"]["triggers"]:
            query = trigger["metadata"]["query"]
            assert set(metrics(query)) <= known, query
            assert f'namespace="{namespace}"' in query
            assert f'job="adjudicate/adjudicate-{room}"' in query
            assert trigger["metricType"] == "AverageValue"  # KEDA's fallback knows no other


def test_the_queue_that_is_asked_for_is_the_rooms() -> None:
    source = {
        "encoder": (ROOT / "executors" / "encoder" / "executor.py").read_text(encoding="utf-8"),
        "judge": (ROOT / "executors" / "judge" / "qwen" / "backend.py").read_text(encoding="utf-8"),
    }
    served = (ROOT / "executors" / "judge" / "openai_backend.py").read_text(encoding="utf-8")
    for room, each in scaled("gpu").items():
        query = each["spec"]["triggers"][0]["metadata"]["query"]
        (queue,) = re.findall(r'queue="(\w+)"', query)
        assert f'name="{queue}"' in source[room]
        if room == "judge":
            assert f'{{"queue": "{queue}"}}' in served  # behind a server it has the same name


def test_a_pod_is_asked_for_when_more_than_a_pass_waits() -> None:
    for room, batch in (("encoder", GPU_BATCH), ("judge", JudgeSettings().max_batch)):
        waiting, busy = scaled("gpu")[room]["spec"]["triggers"]
        assert int(waiting["metadata"]["threshold"]) == batch
        assert 0 < float(busy["metadata"]["threshold"]) < 1
        assert name_of(catalogue.GPU_UTILIZATION) in metrics(busy["metadata"]["query"])
    assert EncoderSettings().max_batch is None  # by the device; the page of settings says how many


@pytest.mark.parametrize("overlay", ["gpu", "cloud", "next"])
def test_whoever_scales_a_room_alone_says_how_many(overlay: str) -> None:
    resources = build(overlay)
    by_load = [
        each["spec"]["scaleTargetRef"]["name"]
        for each in resources
        if each["kind"] in ("ScaledObject", "HorizontalPodAutoscaler")
    ]
    assert len(by_load) == len(set(by_load))
    assert set(by_load) == (set(ROOMS) if overlay != "gpu" else {"encoder", "judge"})
    for room, deployment in deployments(overlay).items():
        assert ("replicas" in deployment["spec"]) == (room not in by_load)


@pytest.mark.parametrize("overlay", ["cloud", "next"])
def test_there_are_always_two_of_each_room(overlay: str) -> None:
    resources = build(overlay)
    for each in scaled(overlay).values():
        assert each["spec"]["minReplicaCount"] == 2
        assert 2 <= each["spec"]["fallback"]["replicas"] <= each["spec"]["maxReplicaCount"]
    for each in of_kind(resources, "HorizontalPodAutoscaler").values():
        assert each["spec"]["minReplicas"] == 2


@pytest.mark.parametrize("overlay", ["gpu", "cloud", "next"])
def test_prometheus_finds_each_room_under_the_names_of_the_dashboards(overlay: str) -> None:
    resources = build(overlay)
    (monitor,) = of_kind(resources, "ServiceMonitor").values()
    found = {
        name
        for name, service in of_kind(resources, "Service").items()
        if selected(monitor["spec"]["selector"], service["metadata"]["labels"])
    }
    assert found == set(ROOMS)
    (endpoint,) = monitor["spec"]["endpoints"]
    for room in ROOMS:
        ports = of_kind(resources, "Service")[room]["spec"]["ports"]
        assert endpoint["port"] in {each["name"] for each in ports}
        seen = {"__meta_kubernetes_service_label_app": room, "__meta_kubernetes_pod_name": "pod-1"}
        labels = relabelled(endpoint["relabelings"], seen)
        assert labels == {"job": f"adjudicate/adjudicate-{room}", "instance": f"{room}/pod-1"}
    compose = yaml.safe_load(
        (ROOT / "compose" / "targets" / "compose.json").read_text(encoding="utf-8")
    )
    assert {each["labels"]["job"] for each in compose} == {
        f"adjudicate/adjudicate-{room}" for room in ROOMS
    }


def relabelled(rules: list[dict[str, Any]], seen: dict[str, str]) -> dict[str, str]:
    """As Prometheus' `replace` does it."""
    labels = {}
    for rule in rules:
        joined = rule.get("separator", ";").join(seen[name] for name in rule["sourceLabels"])
        labels[rule["targetLabel"]] = rule.get("replacement", "$1").replace("$1", joined)
    return labels


def test_the_alerts_for_kubernetes_are_those_of_grafana() -> None:
    assert PROMETHEUS_RULE.read_text(encoding="utf-8") == prometheus_rule()
    for overlay in OVERLAYS:
        groups = [
            each["spec"]["groups"] for each in of_kind(build(overlay), "PrometheusRule").values()
        ]
        # One set of alerts for both versions that run side by side.
        assert len(groups) == (1 if overlay in ("gpu", "cloud") else 0)
