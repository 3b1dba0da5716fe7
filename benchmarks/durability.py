"""What is acknowledged stays: ledgers and gateways are killed at random, with SIGKILL, under load.

The exported Flow without model time (`_noop_encoder`, `_noop_judge`): two gateways and two ledgers
on one SQLite database, with pictures kept in a folder. Callers send ads, some of them twice at the
same time by both gateways, and send again, with the same idempotency keys, what was not answered.
Meanwhile one process after another is killed at a random moment, now and then both ledgers, and
started again. In the end every ad must have one decision, the one that every caller was told, with
its evidence, its place in the queue and its picture, and the audit trail must be whole.

`KILLS=20 make bench NAME=durability` for a quick one; `SEED=7` for other moments.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine

from adjudicate import Client
from adjudicate.documents import AuditCheck
from benchmarks._exported import GATEWAY, ExportedFlow
from benchmarks._killed import Callers, Sent
from benchmarks._noop_flow import THRESHOLDS, exemplars
from benchmarks._replica import Replica
from benchmarks.rows import Row, row
from executors.ledger.audit.verifying import Verifier
from executors.ledger.store import DECISIONS, EVIDENCE
from executors.shared.pictures import PictureStore

KILLS = 200
GATEWAY_SHARE, BOTH_SHARE = 0.2, 0.1
"""Of the kills that are of a gateway, and of both ledgers at once."""
MOST_WAIT_S = 1.5
"""Between what was last acknowledged and the next kill."""
LATE_S = 300.0
"""After which a service that acknowledges nothing is broken."""
_NOOP = {"encoder": "NoopEncoder", "judge": "NoopJudge"}
_SETTINGS = {
    "ADJUDICATE_LIBRARY__AUDIT_SHARE": "0",
    # What is flagged is escalated: no-op judges are never sure enough.
    "ADJUDICATE_DECISION__APPROVE": "0",
    "ADJUDICATE_GATEWAY__NAMES_S": "0.5",
    "ADJUDICATE_HEALTH__CANARY_S": "0",
    "ADJUDICATE_TELEMETRY__TRACES": "false",
}


def run() -> list[Row]:
    """Rows: what was done, then what must not be found."""
    kills, seed = int(os.environ.get("KILLS", KILLS)), int(os.environ.get("SEED", 0))
    with tempfile.TemporaryDirectory() as name:
        return measure(Path(name), kills, seed)


def measure(folder: Path, kills: int, seed: int = 0) -> list[Row]:
    """The same in a folder of the caller's, which holds database, pictures and logs afterwards."""
    started = time.monotonic()
    with _flow(folder) as flow:
        with Client(flow.urls[0]["grpc"]) as client:
            client.library.add([*exemplars()])
        with Callers([url["grpc"] for url in flow.urls], seed) as callers:
            done = _Killer(flow, callers, random.Random(seed)).kill(kills)
            flow.wait_until_ready()
            callers.finish(LATE_S)
        sent = callers.sent
    return [
        *(row(f"kills of {what}", count) for what, count in done.items()),
        row("ads acknowledged", len(sent.told), "ads"),
        row("ads sent again", sent.again, "times"),
        row("longest until acknowledged", sent.longest_s, "s"),
        row("under load", time.monotonic() - started, "s"),
        *_found(folder, sent),
    ]


class _Killer:
    def __init__(self, flow: ExportedFlow, callers: Callers, chance: random.Random) -> None:
        self._flow, self._callers, self._chance = flow, callers, chance
        self._done = {"ledgers": 0, "gateways": 0, "both ledgers at once": 0}

    def kill(self, kills: int) -> dict[str, int]:
        """So many processes, one after another; how many of which kind."""
        killed = 0
        while killed < kills:
            kind, victims = self._victims()
            victims = victims[: kills - killed]
            self._callers.wait_for_one_more(LATE_S)
            time.sleep(self._chance.uniform(0, MOST_WAIT_S))  # the moment is what is random
            for victim in victims:
                victim.send(signal.SIGKILL)
            for victim in victims:
                self._flow.restart_replica(victim.room, victim.index)
            killed += len(victims)
            self._done[kind] += len(victims)
            if killed % 10 < len(victims):
                said = f"{killed} of {kills} kills, {len(self._callers.sent.told):,} acknowledged"
                print(said, file=sys.stderr, flush=True)
        return self._done

    def _victims(self) -> tuple[str, list[Replica]]:
        """What is killed next: of those that are ready, so that there is something to lose."""
        if self._chance.random() < GATEWAY_SHARE:
            return "gateways", [self._ready(GATEWAY)]
        if self._chance.random() < BOTH_SHARE:
            both = self._flow.replicas("ledger")
            for one in both:
                self._flow.wait_for(one)
            return "both ledgers at once", both
        return "ledgers", [self._ready("ledger")]

    def _ready(self, room: str) -> Replica:
        until = time.monotonic() + LATE_S
        while time.monotonic() < until:
            ready = [one for one in self._flow.replicas(room) if one.alive and one.ready()]
            if ready:
                return self._chance.choice(ready)
            time.sleep(0.05)
        raise RuntimeError(f"no {room} came back:\n{self._flow.log(room)[-2000:]}")


def _flow(folder: Path) -> ExportedFlow:
    uses: dict[str, Path] = {}
    for room, kind in _NOOP.items():
        uses[room] = folder / f"{room}.yml"
        uses[room].write_text(f"jtype: {kind}\npy_modules: benchmarks._noop_{room}\n")
    thresholds = folder / "thresholds.yaml"
    thresholds.write_text(THRESHOLDS)
    settings = {
        **_SETTINGS,
        "ADJUDICATE_LIBRARY__THRESHOLDS": str(thresholds),
        "ADJUDICATE_PICTURES": str(folder / "pictures"),
    }
    return ExportedFlow(folder, settings, uses=uses, replicas={"ledger": 2}, gateways=2)


def _found(folder: Path, sent: Sent) -> list[Row]:
    """What the database and the pictures say, against what the callers were told."""
    file = folder / "adjudicate.db"
    with closing(sqlite3.connect(file)) as database:
        decided: dict[str, list[tuple[str, str]]] = {}
        for decision, ad, outcome in database.execute("SELECT id, ad_id, outcome FROM decisions"):
            decided.setdefault(ad, []).append((decision, outcome))
        evidence = dict(database.execute("SELECT decision_id, picture FROM evidence"))
        queued = {one for (one,) in database.execute("SELECT decision_id FROM queue_cases")}
        sound = [one for (one,) in database.execute("PRAGMA integrity_check")] == ["ok"]
    pictures = PictureStore(str(folder / "pictures"))
    told = sent.told
    lost = [ad for ad, found in told.items() if found not in decided.get(ad, [])]
    doubled = [ad for ad, found in decided.items() if len(found) > 1]
    ids = {decision: outcome for found in decided.values() for decision, outcome in found}
    bare = [decision for decision in ids if decision not in evidence]
    left_out = [one for one, outcome in ids.items() if (outcome == "escalate") != (one in queued)]
    gone = [ad for ad in told if sent.pictures[ad] and not _kept(pictures, sent.pictures[ad])]
    wrong = [
        ad for ad, ((decision, _),) in _single(decided) if not _is(evidence, decision, sent, ad)
    ]
    trail = _trail(file)
    none = "== 0"
    return [
        row("decisions on record", len(ids), "decisions", f"== {len(told)}"),
        row("escalated, and in the queue", len(queued), "cases", ">= 1"),
        row("acknowledged and lost", len(lost), "ads", none),
        row("decided twice", len(doubled), "ads", none),
        row("told two answers", sent.two_answers, "ads", none),
        row("without evidence", len(bare), "decisions", none),
        row("with another ad's picture", len(wrong), "decisions", none),
        row("escalated and not in the queue, or the reverse", len(left_out), "decisions", none),
        row("pictures missing or damaged", len(gone), "pictures", none),
        row("audit trail not whole", 0 if trail.whole else 1, "", none),
        row("decisions without their audit entry", len(ids) - trail.decisions, "", none),
        row("database not sound", 0 if sound else 1, "", none),
    ]


def _single(
    decided: dict[str, list[tuple[str, str]]],
) -> list[tuple[str, tuple[tuple[str, str]]]]:
    return [(ad, (found[0],)) for ad, found in decided.items() if len(found) == 1]


def _is(evidence: dict[str, str], decision: str, sent: Sent, ad: str) -> bool:
    return evidence.get(decision) == sent.pictures.get(ad)


def _kept(pictures: PictureStore, picture: str) -> bool:
    try:
        pictures.get(picture)
    except OSError:
        return False
    return True


def _trail(file: Path) -> AuditCheck:
    engine = create_engine(f"sqlite:///{file}")
    try:
        return Verifier(engine, DECISIONS, EVIDENCE).verify(AuditCheck())
    finally:
        engine.dispose()
