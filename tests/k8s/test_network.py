"""The network policies let through the arrows of flow.yml, and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import yaml

from tests.k8s.built import (
    OVERLAYS,
    ROOMS,
    ROOT,
    Resource,
    build,
    container_of,
    deployments,
    of_kind,
    selected,
)

OF_A_NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Peer:
    """A pod, or what is outside of the cluster."""

    namespace: str
    labels: tuple[tuple[str, str], ...] = ()
    address: str = ""


def rooms_of_the_flow() -> set[str]:
    flow = yaml.safe_load((ROOT / "flow.yml").read_text(encoding="utf-8"))
    return {each["name"] for each in flow["executors"]}


@cache
def pod(overlay: str, room: str) -> Peer:
    deployment = deployments(overlay)[room]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    return Peer(deployment["metadata"]["namespace"], tuple(labels.items()))


def policies(overlay: str) -> list[Resource]:
    return list(of_kind(build(overlay), "NetworkPolicy").values())


def let_through(rules: list[Resource], overlay: str, source: Peer, target: Peer, port: int) -> bool:
    """Whether both ends allow it."""
    return all(sides(rules, overlay, source, target, port))


def sides(
    rules: list[Resource], overlay: str, source: Peer, target: Peer, port: int
) -> tuple[bool, bool]:
    """Whether the source may, and whether the target lets it in, as the API defines it: who is
    selected by no policy may everything; else what a rule of one that selects it says. Outside of
    the namespace nothing is known, so nothing is refused there."""
    own = "adjudicate-next" if overlay == "next" else "adjudicate"
    out = source.namespace != own or _allowed(rules, "Egress", source, target, port, own)
    into = target.namespace != own or _allowed(rules, "Ingress", target, source, port, own)
    return out, into


def _allowed(
    rules: list[Resource], direction: str, subject: Peer, other: Peer, port: int, own: str
) -> bool:
    specs = [
        each["spec"]
        for each in rules
        if direction in each["spec"]["policyTypes"]
        and selected(each["spec"]["podSelector"], dict(subject.labels))
    ]
    side, key = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    return not specs or any(
        any(_is(peer, other, own) for peer in rule[key])
        and any(one["port"] <= port <= one.get("endPort", one["port"]) for one in rule["ports"])
        for spec in specs
        for rule in spec.get(side, [])
    )


def _is(peer: dict[str, Any], other: Peer, own: str) -> bool:
    if "ipBlock" in peer:
        return other.address == peer["ipBlock"]["cidr"]
    if other.address:
        return False
    inside = peer.get("namespaceSelector", {"matchLabels": {OF_A_NAMESPACE: own}})
    return selected(inside, {OF_A_NAMESPACE: other.namespace}) and selected(
        peer.get("podSelector", {}), dict(other.labels)
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_between_the_rooms_there_are_the_arrows_of_the_flow_alone(overlay: str) -> None:
    """Jina's gateway carries each arrow: it alone has the rooms' addresses, as the export shows."""
    gateway = container_of(deployments(overlay)["gateway"])["args"]
    addresses = json.loads(gateway[gateway.index("--deployments-addresses") + 1])
    assert set(addresses) == rooms_of_the_flow()
    for room in rooms_of_the_flow():
        assert "--deployments-addresses" not in container_of(deployments(overlay)[room])["args"]
    ports = {int(address.rpartition(":")[2]) for each in addresses.values() for address in each}
    rules = policies(overlay)

    wanted = {("gateway", room, port) for room in rooms_of_the_flow() for port in ports}
    for side in (0, 1):  # each end alone keeps to them: a policy that is lost opens nothing
        arrows = {
            (source, target, port)
            for source in ROOMS
            for target in ROOMS  # another pod of the same room too
            for port in (*ports, 8081, 8082, *range(51100, 51105))
            if sides(rules, overlay, pod(overlay, source), pod(overlay, target), port)[side]
        }
        assert arrows == wanted


DNS = Peer("kube-system", (("k8s-app", "kube-dns"),))
PROXY = Peer("envoy-gateway-system", (("app.kubernetes.io/name", "envoy"),))
PROMETHEUS = Peer("monitoring", (("app.kubernetes.io/name", "prometheus"),))
STRANGER = Peer("default", (("app", "gateway"),))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_the_proxy_reaches_the_entrance_and_only_prometheus_the_monitors(overlay: str) -> None:
    rules = policies(overlay)
    monitored = overlay != "dev"
    for number, room in enumerate(ROOMS):
        to = pod(overlay, room)
        for port in (8080, 8081, 8082):
            assert let_through(rules, overlay, PROXY, to, port) == (room == "gateway")
            assert not let_through(rules, overlay, PROMETHEUS, to, port)
        assert not let_through(rules, overlay, PROXY, to, 51100 + number)
        assert let_through(rules, overlay, PROMETHEUS, to, 51100 + number) == monitored
        for port in (8080, 8081, 8082, 51100 + number, 22):
            assert not let_through(rules, overlay, STRANGER, to, port)


ANYWHERE = Peer("", address="0.0.0.0/0")
DATA = Peer("", address="10.60.16.0/22")
OUTSIDE = {
    ("minio", 9000): Peer("minio"),
    ("collector", 4317): PROMETHEUS,
    ("postgresql", 5432): DATA,
    ("redis", 6379): DATA,
    ("qdrant", 6333): Peer("qdrant"),
    ("vllm", 8000): Peer("vllm"),
    ("anywhere", 443): ANYWHERE,
    ("anywhere", 80): ANYWHERE,
    ("stranger", 8080): STRANGER,
}
EVERY_ROOM = set(ROOMS)
OF_THE_CLOUD = {
    ("collector", 4317): EVERY_ROOM,
    ("postgresql", 5432): {"gateway", "library", "ledger"},
    ("redis", 6379): {"gateway", "judge"},
    ("qdrant", 6333): {"library"},
    ("vllm", 8000): {"judge"},
    ("anywhere", 443): {"gateway", "encoder", "ledger"},
}
REACHED: dict[str, dict[tuple[str, int], set[str]]] = {
    "dev": {},
    "gpu": {("minio", 9000): {"gateway", "encoder", "judge", "ledger"}},
    "cloud": OF_THE_CLOUD,
    "next": OF_THE_CLOUD,
}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_room_reaches_the_engines_that_it_uses_and_no_other(overlay: str) -> None:
    rules = policies(overlay)

    reached = {
        (name, port): {
            room for room in ROOMS if let_through(rules, overlay, pod(overlay, room), outside, port)
        }
        for (name, port), outside in OUTSIDE.items()
    }

    assert {where: rooms for where, rooms in reached.items() if rooms} == REACHED[overlay]
    for room in ROOMS:
        assert let_through(rules, overlay, pod(overlay, room), DNS, 53)
        assert not let_through(rules, overlay, pod(overlay, room), Peer("kube-system"), 53)


@pytest.mark.parametrize("overlay", ["cloud", "next"])
def test_the_bulk_job_reaches_the_gateway_and_the_store(overlay: str) -> None:
    rules = policies(overlay)
    job = Peer(pod(overlay, "gateway").namespace, (("app", "bulk"),))
    assert let_through(rules, overlay, job, ANYWHERE, 443)
    for room in ROOMS:
        for port in (8080, 8081, 8082, *range(51100, 51105)):
            reached = let_through(rules, overlay, job, pod(overlay, room), port)
            assert reached == ((room, port) == ("gateway", 8080))
            assert not let_through(rules, overlay, pod(overlay, room), job, port)


def test_an_arrow_that_the_flow_does_not_have_is_seen() -> None:
    """The evaluation itself: one rule more, and one arrow more."""
    rules = policies("dev")
    for rule in rules:
        if rule["metadata"]["name"] == "gateway-to-rooms":
            rule["spec"]["podSelector"] = {"matchLabels": {"app": "judge"}}
        if rule["metadata"]["name"] == "rooms-from-gateway":
            rule["spec"]["ingress"][0]["from"] = [
                {"podSelector": {"matchLabels": {"app": "judge"}}}
            ]

    assert let_through(rules, "dev", pod("dev", "judge"), pod("dev", "ledger"), 8080)
    assert not let_through(rules, "dev", pod("dev", "gateway"), pod("dev", "ledger"), 8080)
