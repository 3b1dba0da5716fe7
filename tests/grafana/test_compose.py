"""The files of Compose's views fit the tools that read them, and each other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from executors.shared.settings import ROOT, Settings
from executors.shared.telemetry.ports import ROOMS, port_of
from tests.compose.files import services as services_of
from tests.compose.files import variables
from tests.grafana.otelcol import Configuration
from tests.services.prometheus import NoPrometheus, configuration, run_promtool

COMPOSE = ROOT / "compose"
FILE = COMPOSE / "docker-compose.observability.yml"
FLOWS = ("compose", "host")
EXEMPLAR_LABEL = "trace_id"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def services(flow: str = "compose") -> dict[str, Any]:
    """Those of the file, with its variables' defaults but for `FLOW`."""
    return services_of(FILE, {**variables(FILE), "FLOW": flow})


def mounts(service: str, flow: str = "compose") -> dict[str, Path]:
    """The files and folders that a container gets from here, by their place in it."""
    found = {}
    for volume in services(flow)[service].get("volumes", ()):
        source, place, *_ = volume.split(":")
        if source.startswith("."):
            found[place] = (COMPOSE / source).resolve()
    return found


def source_of(service: str, place: str) -> Path:
    """Where a path of a container is here. Raises `KeyError` where it comes from its image."""
    for mounted, source in mounts(service).items():
        if place == mounted or place.startswith(f"{mounted}/"):
            return source / place.removeprefix(mounted).lstrip("/")
    raise KeyError(place)


def test_the_file_is_of_the_compose_specifications_schema() -> None:
    command = ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE))
    checked = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_views_are_collector_jaeger_prometheus_and_grafana() -> None:
    assert set(services()) == {"otelcol", "jaeger", "prometheus", "grafana"}


def test_every_image_is_of_one_version() -> None:
    for name, service in services().items():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name


@pytest.mark.parametrize("flow", FLOWS)
def test_everything_that_is_mounted_is_there_and_read_only(flow: str) -> None:
    for name, service in services(flow).items():
        for place, source in mounts(name, flow).items():
            assert source.exists(), f"{name}: {source}"
            (volume,) = (each for each in service["volumes"] if f":{place}:" in each)
            assert volume.endswith(":ro")


def test_nothing_listens_beyond_this_machine() -> None:
    for name, service in services().items():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), name


@pytest.mark.parametrize("flow", FLOWS)
def test_prometheus_reads_every_process_by_the_names_of_its_telemetry(flow: str) -> None:
    targets = json.loads((COMPOSE / "targets" / f"{flow}.json").read_text())
    hosts = {"host": "host.docker.internal"}  # of containers each has its room's name
    base = Settings.model_fields["telemetry"].default.metrics_port
    assert targets == [
        {
            "targets": [f"{hosts.get(flow, room)}:{port_of(base, room, 0)}"],
            "labels": {"job": f"adjudicate/adjudicate-{room}", "instance": f"{room}/0"},
        }
        for room in ROOMS
    ]


def test_the_tests_prometheus_labels_its_targets_alike() -> None:
    base = Settings.model_fields["telemetry"].default.metrics_port
    made = configuration({f"{room}/0": port_of(base, room, 0) for room in ROOMS}, "1s")
    told = json.loads((COMPOSE / "targets" / "compose.json").read_text())
    (scrape,) = made["scrape_configs"]
    assert [each["labels"] for each in scrape["static_configs"]] == [
        each["labels"] for each in told
    ]


@pytest.mark.parametrize("flow", FLOWS)
def test_prometheus_accepts_its_configuration(tmp_path: Path, flow: str) -> None:
    for place, source in mounts("prometheus", flow).items():
        inside = tmp_path / Path(place).relative_to("/etc/prometheus")
        (shutil.copytree if source.is_dir() else shutil.copy)(source, inside)
    try:
        checked = run_promtool("check", "config", "prometheus.yml", folder=tmp_path)
    except NoPrometheus as reason:
        pytest.skip(str(reason))
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("rules found") == len(list((ROOT / "grafana/rules").glob("*.yml")))


def test_prometheus_keeps_exemplars() -> None:
    assert "--enable-feature=exemplar-storage" in services()["prometheus"]["command"]


def test_the_collectors_configuration_is_of_its_form() -> None:
    found = Configuration.model_validate(read(source_of("otelcol", "/etc/otelcol/config.yaml")))
    assert set(found.service.pipelines) == {"traces", "metrics"}
    listens = found.receivers["otlp"]["protocols"]["grpc"]["endpoint"]
    assert listens.endswith(":4317")
    assert "127.0.0.1:4317:4317" in services()["otelcol"]["ports"]
    host, _, port = found.exporters["otlp_grpc/jaeger"]["endpoint"].partition(":")
    assert (host, port) == ("jaeger", "4317")
    assert host in services()


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file["service"]["pipelines"]["traces"]["exporters"].append("otlp_grpc/typo"),
        lambda file: file["exporters"]["prometheus"].update(endpont="0.0.0.0:8889"),
        lambda file: file["processors"].update(sampling={}),
        lambda file: file["service"]["pipelines"].pop("metrics"),
    ],
    ids=["an exporter that is not there", "a typo", "an unknown processor", "an unused exporter"],
)
def test_a_mistake_in_the_collectors_configuration_is_noticed(change: Any) -> None:
    file = read(COMPOSE / "otelcol.yml")
    change(file)
    with pytest.raises(ValidationError):
        Configuration.model_validate(file)


def test_grafana_finds_its_data_and_the_traces_behind_the_exemplars() -> None:
    file = read(source_of("grafana", "/etc/grafana/provisioning/datasources/adjudicate.yml"))
    sources = {source["uid"]: source for source in file["datasources"]}
    assert set(sources) == {"prometheus", "jaeger"}
    for source in sources.values():
        host = re.fullmatch(r"http://([\w-]+):\d+", source["url"])
        assert host is not None
        assert host[1] in services()
        assert host[1] in services()["grafana"]["depends_on"]
    (link,) = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert (link["name"], link["datasourceUid"]) == (EXEMPLAR_LABEL, "jaeger")
    scraped = read(COMPOSE / "prometheus.yml")["global"]["scrape_interval"]
    assert sources["prometheus"]["jsonData"]["timeInterval"] == scraped


def test_grafana_finds_its_dashboards() -> None:
    file = read(source_of("grafana", "/etc/grafana/provisioning/dashboards/adjudicate.yml"))
    (provider,) = file["providers"]
    assert source_of("grafana", provider["options"]["path"]) == ROOT / "grafana" / "dashboards"
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert source_of("grafana", home).exists()
