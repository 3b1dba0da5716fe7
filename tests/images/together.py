"""The five rooms in the roots of their images review ads: `python -m tests.images.together FOLDER`.

FOLDER has the roots. Each room runs the command of compose/docker-compose.flow.yml; the gateway
finds the others by their names, in /etc/hosts. It prints as JSON each decision by protocol, and the
logs. tests/images/test_together.py runs it in a network namespace of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from adjudicate import Ad, Client, Decision
from benchmarks._exported import ExportedFlow
from executors.shared.settings import ROOT
from tests.images.dockerfiles import ROOMS, image
from tests.images.roots import Root

PICTURES = ROOT / "samples" / "ads"


def main(folder: Path) -> None:
    roots = {name: Root(image(name), folder / name) for name in (*ROOMS, "client")}
    data = roots["ledger"].data
    work = folder / "work"
    work.mkdir()

    def prefix(room: str) -> list[str]:
        return roots[room].prefix(data=data, hosts=work / "names")

    flow = ExportedFlow(work, {"ADJUDICATE_LIBRARY__AUDIT_SHARE": "0"}, prefix=prefix)
    found: dict[str, object] = {}
    with flow:
        for protocol, url in flow.urls[0].items():
            found[protocol] = _reviewed(url)
        found["client"] = _by_command(roots["client"], flow.urls[0]["grpc"])
        found["logs"] = {room: flow.log(room) for room in ROOMS}
    print(json.dumps(found))


def _reviewed(url: str) -> list[dict[str, str | None]]:
    picture = next(PICTURES.glob("*.jpg")).read_bytes()
    ads = [
        Ad(text="Our vitamin cures cancer in three days, guaranteed.", image=picture),
        Ad(text="A quiet chair made of oak."),
        Ad(image=b"no picture"),
    ]
    with Client(url) as client:
        return [
            {"outcome": one.outcome, "code": _code(one), "trace": one.trace_id}
            for one in client.review_all(ads)
        ]


def _code(decision: Decision) -> str | None:
    return None if decision.problem is None else str(decision.problem.code)


def _by_command(root: Root, url: str) -> str:
    command = ["adjudicate", "review", "--url", url, "--text", "A quiet chair.", "--json"]
    asked = subprocess.run([*root.prefix(), *command], capture_output=True, text=True, timeout=120)
    return asked.stdout or asked.stderr


if __name__ == "__main__":
    main(Path(sys.argv[1]))
