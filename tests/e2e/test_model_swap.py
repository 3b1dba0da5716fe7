"""The judge is exchanged while ads are reviewed."""

import asyncio
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from adjudicate import Ad, AsyncClient, Client, Decision
from adjudicate.cli.app import app
from adjudicate.errors import Code, RequestError
from tests.e2e.service import READY_S, ROOT, UP, Service

MODELS = "models:\n  old: {source: ./old}\n  new: {source: ./new}\n  broken: {source: ./broken}\n"
TEXTS = ("Cures diabetes in a week.", "A cup of tea.", "Lose ten kilos without effort!")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models.yml beside copies of the shipped model: one is surer, one has lost its weights."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("old", "new", "broken"):
        shutil.copytree(ROOT / "models" / "judge", folder / name)
    config = folder / "new" / "judge_config.json"
    said = json.loads(config.read_text())
    config.write_text(json.dumps({**said, "temperature": said["temperature"] / 2}))
    (folder / "broken" / "model.safetensors").unlink()
    (folder / "models.yml").write_text(MODELS)
    return folder


def _settings(models: Path) -> dict[str, str]:
    return {
        "ADJUDICATE_JUDGE__MODELS": str(models / "models.yml"),
        "ADJUDICATE_JUDGE__MODEL": "old",
        "ADJUDICATE_JUDGE__CACHE_ENTRIES": "0",
        "ADJUDICATE_JUDGE__MAX_WAIT_MS": "1",
        "ADJUDICATE_LIBRARY__AUDIT_SHARE": "1",
    }


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Service]:
    """A service that asks the judge about every ad, and keeps no verdict."""
    running = Service(tmp_path_factory.mktemp("service"), _settings(models))
    running.start()
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


@dataclass(frozen=True)
class Sent:
    """One ad's way: when it was sent, when it was answered, and with what."""

    text: str
    sent: float
    answered: float
    decision: Decision

    @property
    def version(self) -> str:
        return self.decision.versions["judge"]


class Log:
    """All that was reviewed, in the order of the answers."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._more = asyncio.Condition()

    async def add(self, one: Sent) -> None:
        async with self._more:
            self.sent.append(one)
            self._more.notify_all()

    async def more(self, count: int) -> None:
        """Wait for so many more answers."""
        wanted = len(self.sent) + count
        async with self._more:
            await self._more.wait_for(lambda: len(self.sent) >= wanted)


async def _keep_reviewing(url: str, text: str, until: asyncio.Event, log: Log) -> None:
    async with AsyncClient(url, retries=0, timeout=60) as client:
        while not until.is_set():
            sent = time.monotonic()
            (decision,) = await client.review_all([Ad(text=text)])
            await log.add(Sent(text, sent, time.monotonic(), decision))


async def _reviewed(service: Service, load: str, protocol: str) -> tuple[list[Sent], float, float]:
    """What was reviewed over all protocols while `load` took the judge's place, and when."""
    log, until = Log(), asyncio.Event()
    urls = list(service.urls.values())
    tasks = [
        asyncio.ensure_future(_keep_reviewing(urls[n % 3], TEXTS[n % 3], until, log))
        for n in range(6)
    ]
    try:
        await log.more(30)
        started = time.monotonic()
        async with AsyncClient(service.urls[protocol], timeout=200) as client:
            (loaded,) = await client.models.load(load)
        ended = time.monotonic()
        assert (loaded.id, loaded.state) == (load, "serving")
        await log.more(30)
    finally:
        until.set()
        await asyncio.gather(*tasks)
    return log.sent, started, ended


@pytest.mark.parametrize(("load", "protocol"), [("new", "http"), ("old", "grpc"), ("new", "ws")])
async def test_no_ad_is_lost_or_mixed_while_another_model_takes_over(
    judged: Service, load: str, protocol: str
) -> None:
    before = judged.rooms()["judge"]["facts"]["version"]
    seen, started, ended = await _reviewed(judged, load, protocol)
    after = judged.rooms()["judge"]["facts"]["version"]
    assert before != after
    assert {one.version for one in seen} == {before, after}
    for one in seen:
        assert one.decision.outcome in ("approve", "reject", "escalate")
        assert one.decision.problem is None
        assert "judge_unavailable" not in one.decision.reasons
        if one.answered < started:
            assert one.version == before
        if one.sent > ended:
            assert one.version == after
    during = [one for one in seen if one.answered > started and one.sent < ended]
    assert len(during) > 5, "ads were judged while the model was loaded"
    # What an ad was told is its version's word: the same ad by the same version, the same.
    for version in (before, after):
        for text in TEXTS:
            said = [
                one.decision.confidence
                for one in seen
                if (one.version, one.text) == (version, text)
            ]
            assert max(said) - min(said) < 1e-4
    with Client(judged.urls["grpc"]) as client:
        for one in seen[:: max(1, len(seen) // 10)]:
            assert client.decision(str(one.decision.id)).versions["judge"] == one.version


def test_the_command_line_lists_loads_and_says_why_not(judged: Service) -> None:
    url = judged.urls["ws"]
    load = CliRunner().invoke(app, ["models", "load", "old", "--url", url])
    assert load.exit_code == 0, load.output
    assert "old serves, version" in load.output
    assert "ADJUDICATE_JUDGE__MODEL=old" in load.output
    listed = CliRunner().invoke(app, ["models", "list", "--url", url, "--json"])
    rows = {row["id"]: row for row in map(json.loads, listed.output.splitlines())}
    assert {name: row["state"] for name, row in rows.items()} == {
        "old": "serving",
        "new": "here",
        "broken": "here",
    }
    assert rows["old"]["version"] == judged.rooms()["judge"]["facts"]["version"]
    broken = CliRunner().invoke(app, ["models", "load", "broken", "--url", url])
    assert broken.exit_code == 1
    assert "holds no weights" in broken.stderr
    assert broken.stderr.count("\n") == 1
    table = CliRunner().invoke(app, ["models", "list", "--url", url]).output
    assert "serving" in table


def test_refusals_are_the_same_on_every_protocol(judged: Service, protocol: str) -> None:
    with Client(judged.urls[protocol], retries=0) as client:
        with pytest.raises(RequestError, match="did you mean new") as error:
            client.models.load("neww")
        assert error.value.code is Code.NOT_FOUND
        with pytest.raises(RequestError, match="holds no weights") as error:
            client.models.load("broken")
        assert error.value.code is Code.MODEL_REFUSED
    answer = httpx.post(f"{judged.urls['http']}/v1/models/load", json={"name": "broken"})
    assert (answer.status_code, answer.json()["code"]) == (422, "model_refused")
    assert httpx.post(f"{judged.urls['http']}/v1/models/load", json={}).status_code == 400


async def test_of_two_loads_at_once_one_is_refused(judged: Service) -> None:
    async with AsyncClient(judged.urls["http"]) as client:
        found = await asyncio.gather(
            client.models.load("new"), client.models.load("old"), return_exceptions=True
        )
    refused = [error for error in found if isinstance(error, RequestError)]
    assert [error.code for error in refused] == [Code.MODEL_BUSY]


@pytest.mark.slow
def test_every_replica_of_the_judge_takes_the_new_model(tmp_path: Path, models: Path) -> None:
    text = (ROOT / "flow.yml").read_text().replace("uses: executors/", f"uses: {ROOT}/executors/")
    flow = tmp_path / "flow.yml"
    flow.write_text(text.replace("  - name: judge  ", "  - name: judge\n    replicas: 2  "))
    assert "replicas" in flow.read_text()
    service = Service(tmp_path, _settings(models), (*UP, "--flow", str(flow)))
    service.start()
    try:
        service.wait_until_ready()  # as soon as one replica serves
        assert service.wait_for_output("ready (", READY_S)
        with Client(service.urls["grpc"], timeout=200) as client:
            loaded = client.models.load("new")
            assert len({model.pid for model in loaded}) == 2
            assert {model.id for model in loaded} == {"new"}
            decided = client.review_all([Ad(text=f"{TEXTS[0]} {n}") for n in range(12)])
            assert {d.versions["judge"] for d in decided} == {loaded[0].version}
            states = [model.state for model in client.models.list() if model.id == "new"]
            assert states == ["serving", "serving"]
    finally:
        service.stop()


def test_without_a_service_the_list_is_that_of_the_settings(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _settings(models).items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["models", "list", "--url", "grpc://127.0.0.1:9"])
    assert result.exit_code == 0, result.output
    assert "No judge answers at grpc://127.0.0.1:9" in result.output
