"""docker-compose.yml: what Docker Compose makes of it, and what it promises of each container."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from executors.shared.settings import ROOT, Settings, load_settings
from executors.shared.telemetry.ports import port_of
from tests.compose.files import (
    COMPOSE,
    FLOW,
    GPU,
    MAIN,
    OBSERVABILITY,
    ROOMS,
    interpolated,
    services,
    variables,
)
from tests.services.compose import ComposeError, NoCompose, config

STORES = {"postgres", "redis", "qdrant"}
VIEWS = {"otelcol", "jaeger", "prometheus", "grafana"}
EVERY = {"nginx", *ROOMS, *STORES, *VIEWS}
ROOT_IMAGES = {"nginx", "postgres", "redis"}
"""Their images start as root unless told otherwise; the others name a user of their own."""
WITHOUT_SHELL = {"otelcol", "jaeger"}
"""Nothing in their images could ask them how they are."""


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    """What Docker Compose would run."""
    return of(MAIN)


def of(*files: Path, **environment: str) -> dict[str, Any]:
    try:
        found, warned = config(files, environment)
    except NoCompose as reason:
        pytest.skip(str(reason))
    assert warned == ""
    return found


@pytest.mark.parametrize("file", [MAIN, OBSERVABILITY, GPU])
def test_a_file_is_of_the_compose_specifications_schema(file: Path, tmp_path: Path) -> None:
    untagged = tmp_path / file.name  # the schema's reader does not know Compose's tags
    untagged.write_text(interpolated(file).replace("!override ", ""))
    command = ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(untagged))
    checked = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_one_file_is_the_whole_service(project: dict[str, Any]) -> None:
    assert set(project["services"]) == EVERY


def test_compose_notices_a_mistake(tmp_path: Path) -> None:
    text = MAIN.read_text(encoding="utf-8").replace(
        "- docker-compose.obs", f"- {COMPOSE}/docker-compose.obs"
    )
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(text.replace("file: docker-compose.flow.yml", f"file: {FLOW}"))
    of(wrong)
    wrong.write_text(wrong.read_text().replace("service: encoder }", "service: encodr }"))
    with pytest.raises(ComposeError, match="encodr"):
        config([wrong])


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_runs_as_it_was_exported(project: dict[str, Any], room: str) -> None:
    exported, runs = services(FLOW)[room], project["services"][room]
    assert runs["image"] == exported["image"]
    assert runs["entrypoint"] == exported["entrypoint"]
    assert runs["command"] == exported["command"]
    for line in exported.get("environment", []):
        name, _, value = line.partition("=")
        assert runs["environment"][name] == value


def test_the_judges_condition_reaches_the_gateway(project: dict[str, Any]) -> None:
    """`$` begins a variable for Compose, and `$eq` is none."""
    command = project["services"]["gateway"]["command"]
    told = command[command.index("--graph-conditions") + 1].replace("$$", "$")
    assert json.loads(told) == {"judge": {"flagged": {"$eq": True}}}


def test_every_image_is_of_one_version(project: dict[str, Any]) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    for name, service in project["services"].items():
        if name in ROOMS:
            assert service["image"] == f"adjudicate/{name}:{version}"
            assert service["pull_policy"] == "never"
        else:
            assert re.search(r":v?\d+\.\d+(\.\d+)?(-unprivileged)?$", service["image"]), name


def test_a_registry_stands_before_the_rooms_images() -> None:
    found = of(MAIN, REGISTRY="registry.example/", PULL_POLICY="missing")["services"]
    for room in ROOMS:
        assert found[room]["image"].startswith(f"registry.example/adjudicate/{room}:")
        assert found[room]["pull_policy"] == "missing"


@pytest.mark.parametrize("name", sorted(EVERY))
def test_a_container_may_do_little_and_comes_back(project: dict[str, Any], name: str) -> None:
    service = project["services"][name]
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["mem_limit"]) > 0
    assert service["pids_limit"] > 0
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    if name in ROOMS:
        assert service["user"] == "10001:10001"
    if name in ROOT_IMAGES:
        assert service["user"].split(":")[0] not in ("", "0", "root")
    if name not in WITHOUT_SHELL:
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_asked_by_its_monitor_port(project: dict[str, Any], room: str) -> None:
    """Not by Jina's `ping`, which loads Jina each time."""
    asked = project["services"][room]["healthcheck"]["test"]
    assert asked == ["CMD", "python", "-m", "executors.shared.health.probe", room]


def test_only_nginx_and_the_views_listen_and_on_this_machine_alone(project: dict[str, Any]) -> None:
    listens = {name for name, service in project["services"].items() if service.get("ports")}
    assert listens == {"nginx", "otelcol", "jaeger", "prometheus", "grafana"}
    for name in listens:
        for port in project["services"][name]["ports"]:
            assert port["host_ip"] == "127.0.0.1", name


def test_nginx_listens_where_it_is_told_to() -> None:
    (port,) = of(MAIN, LISTEN="0.0.0.0:443")["services"]["nginx"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("0.0.0.0", "443", 8443)


def reaches(project: dict[str, Any], one: str, other: str) -> bool:
    """Whether two containers share a network."""
    networks = (set(project["services"][name]["networks"]) for name in (one, other))
    return bool(set.intersection(*networks))


def test_who_can_reach_whom(project: dict[str, Any]) -> None:
    rooms = set(ROOMS) - {"gateway"}
    assert {name for name in EVERY if reaches(project, "nginx", name)} == {"nginx", "gateway"}
    for room in rooms:
        assert reaches(project, "gateway", room)
    who = {store: {name for name in ROOMS if reaches(project, store, name)} for store in STORES}
    assert all(each <= {"gateway", "library", "ledger", "judge"} for each in who.values())
    assert not any(reaches(project, store, view) for store in STORES for view in VIEWS)
    for view in ("jaeger", "grafana"):
        assert not any(reaches(project, view, room) for room in ROOMS)
    for source in ("prometheus", "otelcol"):
        assert all(reaches(project, source, room) for room in ROOMS)


def test_what_asks_for_no_key_has_no_way_out(project: dict[str, Any]) -> None:
    networks = project["networks"]
    internal = {name for name, network in networks.items() if network.get("internal")}
    assert internal == {"jina-network", "data", "telemetry"}
    leave = {
        name
        for name, service in project["services"].items()
        if set(service["networks"]) - internal and not service.get("ports")
    }
    # Pictures and keys of tokens; a judging server; whoever is told what people have settled.
    assert leave == {"gateway", "judge", "ledger"}


def test_each_waits_for_what_it_cannot_do_without(project: dict[str, Any]) -> None:
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in project["services"].items()
    }
    healthy, started = "service_healthy", "service_started"
    assert waits["nginx"] == {"gateway": healthy}
    assert waits["gateway"] == {
        **dict.fromkeys(("postgres", "encoder", "library", "ledger"), healthy),
        **dict.fromkeys(("redis", "judge"), started),
    }
    assert waits["library"] == {"postgres": healthy, "qdrant": healthy}
    assert waits["ledger"] == {"postgres": healthy}
    assert waits["judge"] == {"redis": started}
    assert waits["encoder"] == {}


def test_a_stop_leaves_time_to_drain(project: dict[str, Any]) -> None:
    for room in ROOMS:
        service = project["services"][room]
        drain_s = float(service["environment"]["ADJUDICATE_SUPERVISOR__DRAIN_S"])
        assert seconds(service["stop_grace_period"]) > drain_s
        assert drain_s > Settings.model_fields["judge"].default.timeout_s
    nginx = project["services"]["nginx"]
    assert nginx["stop_signal"] == "SIGQUIT"
    text = (COMPOSE / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    (bound,) = re.findall(r"worker_shutdown_timeout (\d+)s;", text)
    assert drain_s <= int(bound) < seconds(nginx["stop_grace_period"])


def seconds(duration: str) -> float:
    """Of `1m30s`."""
    minutes, secs = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", duration).groups()  # type: ignore[union-attr]
    return 60 * int(minutes or 0) + int(secs or 0)


def setting(name: str) -> Any:
    """The annotation of a setting by its variable's name. Raises `KeyError` for none."""
    found: Any = None
    fields = Settings.model_fields
    for part in name.lower().removeprefix("adjudicate_").split("__"):
        found = fields[part].annotation
        fields = getattr(found, "model_fields", {})
    return found


@pytest.mark.parametrize("file", [MAIN, GPU])
def test_what_the_rooms_are_told_are_settings(file: Path) -> None:
    for room in set(ROOMS) & set(services(file)):
        for name in services(file)[room].get("environment", {}):
            if name.startswith("ADJUDICATE_"):
                assert setting(name) is not None


def secret_settings(model: type[BaseModel], prefix: str = "adjudicate_") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if field.annotation is SecretStr or "url" in name or name == "database":
            yield prefix + name
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from secret_settings(field.annotation, f"{prefix}{name}__")


def test_no_secret_stands_in_an_environment(project: dict[str, Any]) -> None:
    # They hold no password.
    public = {
        f"adjudicate_{name}" for name in ("library__qdrant_url", "judge__url", "webhook__url")
    }
    secret = set(secret_settings(Settings)) - public
    for name, service in project["services"].items():
        for variable, value in service.get("environment", {}).items():
            assert variable.lower() not in secret, f"{name}: {variable}"
            told_by_file = variable.endswith("_FILE") or str(value).startswith("/run/secrets")
            assert told_by_file or not re.search("(?i)password|token|api_?key", variable), variable
    for room in ROOMS:
        for each in project["services"][room].get("secrets", []):
            assert setting(Path(each["target"]).name) is not None


def test_the_secrets_are_what_prepare_makes(project: dict[str, Any], secrets: Path) -> None:
    made = {path.name for path in secrets.iterdir()}
    for_people = {"ca.pem", "redis_password"}  # clients, and who looks into Redis
    assert set(project["secrets"]) == made - for_people


def test_a_room_reads_its_secrets_and_the_stores_know_them(
    project: dict[str, Any], secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ROOMS:
        for each in project["services"][room].get("secrets", []):
            content = (secrets / each["source"]).read_text()
            (tmp_path / each["target"].rpartition("/")[2]).write_text(content)
    monkeypatch.setenv("ADJUDICATE_SECRETS", str(tmp_path))
    found = load_settings()
    password = (secrets / "postgres_password").read_text().strip()
    database = project["services"]["postgres"]["environment"]
    assert found.database == (
        f"postgresql+psycopg://{database['POSTGRES_USER']}:{password}@postgres:5432/"
        f"{database['POSTGRES_DB']}"
    )
    redis = (secrets / "redis_password").read_text().strip()
    assert found.limits.rates_url == f"redis://:{redis}@redis:6379/0"
    assert found.judge.cache_url == f"redis://:{redis}@redis:6379/1"
    assert f"requirepass {redis}\n" in (secrets / "redis.conf").read_text()
    key = found.library.qdrant_api_key.get_secret_value()
    assert (secrets / "qdrant.yaml").read_text() == f"service:\n  api_key: {key}\n"
    assert found.judge.api_key.get_secret_value() == ""
    assert found.webhook.secret.get_secret_value().startswith("whsec_")


def test_gateway_and_ledger_share_the_pictures(project: dict[str, Any]) -> None:
    places = set()
    for room in ("gateway", "ledger"):
        service = project["services"][room]
        (volume,) = [each for each in service["volumes"] if each["source"] == "pictures"]
        assert not volume.get("read_only")
        # The image makes this folder for its user; one below would be root's.
        assert volume["target"] == "/var/lib/adjudicate"
        places.add(service["environment"]["ADJUDICATE_PICTURES"])
    assert places == {"/var/lib/adjudicate/pictures"}


def test_the_ledger_is_told_whom_to_tell(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "https://hooks.example/settled"
    service = of(MAIN, WEBHOOK_URL=address)["services"]["ledger"]
    told = service["environment"]["ADJUDICATE_WEBHOOK__URL"]
    (secret,) = [each for each in service["secrets"] if "webhook" in each["target"]]
    (tmp_path / Path(secret["target"]).name).write_text((secrets / secret["source"]).read_text())
    monkeypatch.setenv("ADJUDICATE_WEBHOOK__URL", told)
    monkeypatch.setenv("ADJUDICATE_SECRETS", str(tmp_path))
    assert load_settings().webhook.url == address


def test_everything_that_is_mounted_is_there_and_read_only(project: dict[str, Any]) -> None:
    for name, service in project["services"].items():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), name
                assert volume["read_only"], name
            else:
                assert volume["source"] in project["volumes"]


def test_prometheus_reads_each_room_where_it_is(project: dict[str, Any]) -> None:
    base = Settings.model_fields["telemetry"].default.metrics_port
    told = json.loads((COMPOSE / "targets" / "compose.json").read_text())
    assert [each["targets"] for each in told] == [
        [f"{room}:{port_of(base, room, 0)}"] for room in ROOMS
    ]
    for room in ROOMS:
        environment = project["services"][room]["environment"]
        assert environment["ADJUDICATE_TELEMETRY__METRICS_HOST"] == "0.0.0.0"
        assert environment["ADJUDICATE_TELEMETRY__OTLP_ENDPOINT"] == "otelcol:4317"


def test_gpus_are_for_encoder_and_judge() -> None:
    plain, gpu = of(MAIN)["services"], of(MAIN, GPU)["services"]
    changed = {name for name in EVERY if plain[name] != gpu[name]}
    assert changed == {"encoder", "judge"}
    for name in changed:
        assert gpu[name]["image"] == f"{plain[name]['image']}-cuda"
        (device,) = gpu[name]["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
        assert gpu[name]["mem_limit"] == plain[name]["mem_limit"]


def test_the_docs_have_every_variable_with_its_default() -> None:
    page = (ROOT / "docs" / "compose.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", page, re.MULTILINE))
    told = {name: "" if cell == "none" else cell.strip("`") for name, cell in rows.items()}
    wanted = variables(OBSERVABILITY) | variables(MAIN) | variables(GPU)
    assert told == wanted
