"""Of each room's pods: what they may, how they are asked, how they end, what they are told."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from executors.shared.settings import Settings, load_settings
from executors.shared.telemetry.ports import port_of
from tests.k8s.built import (
    OVERLAYS,
    ROOMS,
    ROOT,
    build,
    container_of,
    containers_of,
    deployments,
    of_kind,
    pod_of,
    selected,
    settings_of,
)

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
NAME_S = 5.0
"""How long CoreDNS' `kubernetes` lets a name's addresses be kept, by default."""
KILL_MARGIN_S = 10
"""For telemetry's last exports and the end of the process, after the drain."""

every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
MONITOR_BASE = 51100


@every_overlay
def test_no_container_is_root_or_writes_to_its_image(overlay: str) -> None:
    for room, deployment in deployments(overlay).items():
        pod = pod_of(deployment)
        assert pod["securityContext"]["runAsNonRoot"] is True, room
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["serviceAccountName"] == room
        for container in containers_of(deployment):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, (room, container["name"])
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]


@every_overlay
def test_every_container_has_requests_and_limits(overlay: str) -> None:
    for deployment in deployments(overlay).values():
        for container in containers_of(deployment):
            for bound in ("requests", "limits"):
                assert {"cpu", "memory"} <= set(container["resources"][bound])


@every_overlay
def test_every_image_is_of_this_version(overlay: str) -> None:
    for room, deployment in deployments(overlay).items():
        for container in containers_of(deployment):
            name, _, tag = container["image"].rpartition("/")[2].rpartition(":")
            assert name == ("client" if container["name"] == "weights" else room)
            assert tag.removesuffix("-cuda") == VERSION, container["image"]


def test_the_images_of_rooms_on_gpus_are_those_with_cuda() -> None:
    for overlay, on_gpus in (("dev", set()), ("gpu", {"encoder", "judge"}), ("cloud", {"encoder"})):
        for room, deployment in deployments(overlay).items():
            container = container_of(deployment)
            assert container["image"].endswith("-cuda") == (room in on_gpus)
            assert (container["resources"]["limits"].get("nvidia.com/gpu") == 1) == (
                room in on_gpus
            )
            assert ("nvidia.com/gpu.present" in pod_of(deployment).get("nodeSelector", {})) == (
                room in on_gpus
            )


@every_overlay
def test_each_probe_asks_the_port_where_the_room_answers(overlay: str) -> None:
    resources = build(overlay)
    for room, deployment in deployments(overlay).items():
        container = container_of(deployment)
        variables = settings_of(resources, room)
        base = int(variables["ADJUDICATE_TELEMETRY__METRICS_PORT"])
        ports = {each.get("name"): each["containerPort"] for each in container["ports"]}
        assert ports["monitor"] == port_of(base, room, 0)
        assert variables["ADJUDICATE_TELEMETRY__METRICS_HOST"] == "0.0.0.0"
        start = "/health/live" if room == "gateway" else "/health/deep"
        for probe, path in (
            ("startupProbe", start),
            ("readinessProbe", "/health/ready"),
            ("livenessProbe", "/health/live"),
        ):
            assert container[probe].get("exec") is None  # `jina ping` costs seconds of CPU
            assert container[probe]["httpGet"] == {"path": path, "port": "monitor"}, (room, probe)


@every_overlay
def test_a_probe_waits_as_long_as_its_answer_may_take(
    overlay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from executors.shared.health import checks, probes

    for room, deployment in deployments(overlay).items():
        health = told(overlay, room, monkeypatch).health
        container = container_of(deployment)
        longest = {
            "/health/live": 0.0,
            "/health/ready": checks.PATIENCE_S,
            "/health/deep": health.canary_timeout_s + probes.GRACE_S,
        }
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[probe]
            assert asked["timeoutSeconds"] > longest[asked["httpGet"]["path"]], (room, probe)
        start = container["startupProbe"]
        if room != "gateway":
            assert start["periodSeconds"] * start["failureThreshold"] == health.ready_s


@every_overlay
def test_a_pod_may_end_what_it_works_on(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for room, deployment in deployments(overlay).items():
        settings = told(overlay, room, monkeypatch)
        drain = settings.supervisor.drain_s
        (action,) = container_of(deployment)["lifecycle"]["preStop"].items()
        assert action[0] == "sleep"  # the kubelet's own, that needs no shell
        unlearned = action[1]["seconds"]
        assert unlearned > 2 * (NAME_S + settings.gateway.names_s)
        # The gateway gives what is under way nine tenths of it; the judge takes longest for an ad.
        assert 0.9 * drain > settings.judge.timeout_s
        grace = pod_of(deployment)["terminationGracePeriodSeconds"]
        assert grace >= unlearned + drain + KILL_MARGIN_S
        assert settings.telemetry.close_s < KILL_MARGIN_S


def told(overlay: str, room: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings as the room's process would read them."""
    variables = settings_of(build(overlay), room)
    variables.pop("ADJUDICATE_SECRETS", None)  # a folder that is in the pod alone
    with monkeypatch.context() as patched:
        for name, value in variables.items():
            patched.setenv(name, value)
        return load_settings()


@every_overlay
def test_every_variable_is_a_setting_that_loads(
    overlay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {
        "ADJUDICATE_SECRETS",
        *(f"ADJUDICATE_{name}".upper() for name in Settings.model_fields),
    }
    for section, field in Settings.model_fields.items():
        for inside in getattr(field.annotation, "model_fields", {}):
            known.add(f"ADJUDICATE_{section}__{inside}".upper())
    for room in ROOMS:
        variables = settings_of(build(overlay), room)
        assert {name for name in variables if name.startswith("ADJUDICATE_")} <= known
        told(overlay, room, monkeypatch)


@every_overlay
def test_a_changed_setting_starts_new_pods(overlay: str) -> None:
    for room, deployment in deployments(overlay).items():
        named = [each["configMapRef"]["name"] for each in container_of(deployment)["envFrom"]]
        assert named[0] == f"{room}-configmap"
        assert re.fullmatch(rf"{room}-settings-[0-9a-z]{{10}}", named[1]), named


@every_overlay
def test_secrets_are_named_and_never_written(overlay: str) -> None:
    resources = build(overlay)
    assert not of_kind(resources, "Secret")
    for room in ROOMS:
        for name, value in settings_of(resources, room).items():
            assert not re.search(r"PASSWORD|API_KEY|SECRET$|TOKEN", name), name
            assert not re.search(r"://[^/]*:[^/]*@", value), name  # a URL with a password in it


@every_overlay
def test_the_rooms_names_stand_for_their_ready_pods(overlay: str) -> None:
    services = of_kind(build(overlay), "Service")
    for room, deployment in deployments(overlay).items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        spec = services[room]["spec"]
        assert selected({"matchLabels": spec["selector"]}, labels)
        assert spec.get("clusterIP") == (None if room == "gateway" else "None")
        assert not spec.get("publishNotReadyAddresses")
        assert {"name": "monitor", "port": MONITOR_BASE + ROOMS.index(room)}.items() <= next(
            each for each in spec["ports"] if each["name"] == "monitor"
        ).items()


@every_overlay
def test_one_pod_of_a_room_at_a_time_may_be_evicted(overlay: str) -> None:
    budgets = of_kind(build(overlay), "PodDisruptionBudget")
    for room, deployment in deployments(overlay).items():
        spec = budgets[room]["spec"]
        assert selected(spec["selector"], deployment["spec"]["template"]["metadata"]["labels"])
        assert spec["maxUnavailable"] == 1
        assert "minAvailable" not in spec


@every_overlay
def test_a_rooms_pods_spread_over_zones_and_nodes(overlay: str) -> None:
    for deployment in deployments(overlay).values():
        constraints = pod_of(deployment)["topologySpreadConstraints"]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert [each["topologyKey"] for each in constraints] == [
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        ]
        for each in constraints:
            assert selected(each["labelSelector"], labels)
            assert each["matchLabelKeys"] == ["app", "pod-template-hash"]


@pytest.mark.parametrize("overlay", ["dev", "gpu"])
def test_a_sqlite_file_has_one_pod_and_its_own_volume(overlay: str) -> None:
    resources = build(overlay)
    claims = of_kind(resources, "PersistentVolumeClaim")
    assert set(claims) - {"pictures"} == {"gateway-data", "library-data", "ledger-data"}
    for room in ("gateway", "library", "ledger"):
        deployment = deployments(overlay)[room]
        assert deployment["spec"]["replicas"] == 1
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}
        database = settings_of(resources, room)["ADJUDICATE_DATABASE"].removeprefix("sqlite:///")
        mounts = {
            each["name"]: each["mountPath"] for each in container_of(deployment)["volumeMounts"]
        }
        assert Path(database).parent == Path(mounts["data"])
        (volume,) = [each for each in pod_of(deployment)["volumes"] if each["name"] == "data"]
        assert volume["persistentVolumeClaim"]["claimName"] == f"{room}-data"
    scaled = {
        e["spec"]["scaleTargetRef"]["name"]
        for e in resources
        if "scaleTargetRef" in e.get("spec", {})
    }
    assert not scaled & {"gateway", "library", "ledger"}


@pytest.mark.parametrize("overlay", ["gpu", "cloud"])
def test_a_rollout_of_rooms_in_replicas_leaves_pods_that_serve(overlay: str) -> None:
    for room, deployment in deployments(overlay).items():
        strategy = deployment["spec"]["strategy"]
        if strategy["type"] == "Recreate":
            continue
        rolling = strategy["rollingUpdate"]
        on_gpu = deployment["metadata"]["labels"].get("accelerator") == "gpu"
        assert rolling == {"maxSurge": 0 if on_gpu else 1, "maxUnavailable": 1 if on_gpu else 0}
        if on_gpu:
            scaled = of_kind(build(overlay), "ScaledObject")[room]
            assert scaled["spec"]["minReplicaCount"] > rolling["maxUnavailable"]


def test_the_api_server_holds_the_namespace_to_the_restricted_standard() -> None:
    for overlay in OVERLAYS:
        (namespace,) = of_kind(build(overlay), "Namespace").values()
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_service_mesh_is_asked_for() -> None:
    for overlay in OVERLAYS:
        for deployment in deployments(overlay).values():
            notes = deployment["spec"]["template"]["metadata"].get("annotations", {})
            assert "linkerd.io/inject" not in notes
