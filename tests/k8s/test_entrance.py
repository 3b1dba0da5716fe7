"""The way in: which of the three servers a request comes to, with TLS, and for how long."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.k8s.built import K8S, Resource, build, container_of, deployments, of_kind, selected

GRPC = {"content-type": "application/grpc"}
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade"}

entered = pytest.mark.parametrize("overlay", ["gpu", "cloud"])


def route_of(overlay: str) -> Resource:
    (route,) = of_kind(build(overlay), "HTTPRoute").values()
    return route


def backend(route: Resource, path: str, headers: dict[str, str]) -> str:
    """By the standard's precedence: an exact path, then (as Envoy Gateway orders them) a regular
    expression, then the longest prefix; of equal ones the one with more headers."""
    order = {"Exact": 2, "RegularExpression": 1, "PathPrefix": 0}
    fitting = [
        (order[match["path"]["type"]], len(match.get("headers", [])), rule)
        for rule in route["spec"]["rules"]
        for match in rule["matches"]
        if _fits(match, path, headers)
    ]
    _, _, best = max(fitting, key=lambda each: each[:2])
    (ref,) = best["backendRefs"]
    return f"{ref['name']}:{ref['port']}"


def _fits(match: dict[str, Any], path: str, headers: dict[str, str]) -> bool:
    kind, value = match["path"]["type"], match["path"]["value"]
    if kind == "Exact":
        fits = path == value
    elif kind == "RegularExpression":
        fits = re.fullmatch(value, path) is not None
    else:
        fits = path.startswith(value)
    return fits and all(
        headers.get(one["name"]) == one["value"] for one in match.get("headers", [])
    )


@entered
@pytest.mark.parametrize(
    ("path", "headers", "server"),
    [
        ("/jina.JinaRPC/Call", GRPC, "gateway:8080"),
        ("/jina.JinaDiscoverEndpointsRPC/endpoint_discovery", GRPC, "gateway:8080"),
        ("/grpc.health.v1.Health/Check", GRPC, "gateway:8080"),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", GRPC, "gateway:8080"),
        ("/", UPGRADE, "gateway-2-websocket:8082"),
        ("/v1/stream", UPGRADE, "gateway-2-websocket:8082"),
        ("/", {}, "gateway-1-http:8081"),
        ("/health", {}, "gateway-1-http:8081"),
        ("/v1/review", {}, "gateway-1-http:8081"),
        ("/jina", {}, "gateway-1-http:8081"),
        ("/docs", {}, "gateway-1-http:8081"),
    ],
)
def test_each_protocol_comes_to_its_server(
    overlay: str, path: str, headers: dict[str, str], server: str
) -> None:
    assert backend(route_of(overlay), path, headers) == server


@entered
def test_the_servers_are_where_the_routes_lead(overlay: str) -> None:
    services = of_kind(build(overlay), "Service")
    gateway = deployments(overlay)["gateway"]
    args = container_of(gateway)["args"]
    start = args.index("--port") + 1
    listening = dict(zip(args[start : start + 3], ("GRPC", "HTTP", "WEBSOCKET"), strict=True))
    names = {
        "GRPC": "gateway:8080",
        "HTTP": "gateway-1-http:8081",
        "WEBSOCKET": "gateway-2-websocket:8082",
    }
    assert args[args.index("--protocol") + 1 : args.index("--protocol") + 4] == list(names)
    for port, protocol in listening.items():
        name, _, outside = names[protocol].partition(":")
        (inside,) = [e for e in services[name]["spec"]["ports"] if str(e["port"]) == outside]
        assert str(inside["targetPort"]) == port
        labels = gateway["spec"]["template"]["metadata"]["labels"]
        assert selected({"matchLabels": services[name]["spec"]["selector"]}, labels)
    (grpc,) = [e for e in services["gateway"]["spec"]["ports"] if e["port"] == 8080]
    assert grpc["appProtocol"] == "kubernetes.io/h2c"


@entered
def test_nothing_is_heard_without_tls(overlay: str) -> None:
    (gateway,) = of_kind(build(overlay), "Gateway").values()
    (policy,) = of_kind(build(overlay), "ClientTrafficPolicy").values()
    for listener in gateway["spec"]["listeners"]:
        assert listener["protocol"] == "HTTPS"
        assert listener["tls"]["mode"] == "Terminate"
        assert listener["tls"]["certificateRefs"] == [{"kind": "Secret", "name": "adjudicate-tls"}]
        assert set(route_of(overlay)["spec"]["hostnames"]) == {listener["hostname"]}
    assert policy["spec"]["tls"]["minVersion"] == "1.2"
    assert policy["spec"]["tls"]["alpnProtocols"] == ["h2", "http/1.1"]


@entered
def test_no_proxy_ends_a_call_before_the_service_does(overlay: str) -> None:
    """Envoy ends calls after 15 s where nobody says otherwise; the service's bounds are its own."""
    for rule in route_of(overlay)["spec"]["rules"]:
        assert rule["timeouts"] == {"request": "0s"}
    (policy,) = of_kind(build(overlay), "BackendTrafficPolicy").values()
    assert policy["spec"]["timeout"]["http"]["requestTimeout"] == "0s"
    assert "retry" not in policy["spec"]


def test_the_weights_share_every_protocol_between_the_two_versions() -> None:
    """The patch for `kubectl patch`, on the very route that the cloud overlay has."""
    route = route_of("cloud")
    before = {rule["name"]: rule["backendRefs"][0] for rule in route["spec"]["rules"]}
    patch = yaml.safe_load((K8S / "overlays" / "next" / "weights.yaml").read_text(encoding="utf-8"))
    for operation in patch:
        assert operation["op"] == "replace"
        _, spec, rules, number, refs = operation["path"].split("/")
        assert (spec, rules, refs) == ("spec", "rules", "backendRefs")
        route["spec"]["rules"][int(number)][refs] = operation["value"]

    grants = of_kind(build("next"), "ReferenceGrant")["traffic"]["spec"]
    granted = {each["name"] for each in grants["to"]}
    for rule in route["spec"]["rules"]:
        ours, theirs = rule["backendRefs"]
        assert ours == {**before[rule["name"]], "weight": 90}
        assert theirs == {**ours, "namespace": "adjudicate-next", "weight": 10}
        assert theirs["name"] in granted
    assert grants["from"][0]["namespace"] == "adjudicate"
