"""`rank` and `classify` over the three protocols, and by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from adjudicate import Ad, AsyncClient, Candidate, Ranking, RequestError
from tests.e2e.service import Service

CLAIM = "治愈率高达98%"
OTHERS = ["New flavours", "Vitamin C, 500 mg per tablet"]


@pytest.fixture
def picture(samples: Path) -> bytes:
    """An ad whose headline is `CLAIM`."""
    return (samples / "exemplars" / "cure-1-1.jpg").read_bytes()


async def test_a_picture_ranks_the_text_that_it_shows_first(
    client: AsyncClient, picture: bytes
) -> None:
    (ranking,) = await client.rank(Ranking.of(picture, [*OTHERS, CLAIM]))
    assert ranking.problem is None
    assert ranking.encoder_version
    best = ranking.candidates[0]
    assert (best.place, best.text) == (2, CLAIM)
    assert sum(one.probability for one in ranking.candidates) == pytest.approx(1)
    assert [one.similarity for one in ranking.candidates] == sorted(
        (one.similarity for one in ranking.candidates), reverse=True
    )
    embedded = await client.embed([Ad(image=picture), Ad(text=CLAIM)])
    assert best.similarity == pytest.approx(
        float(np.max(embedded[1].text @ embedded[0].image)), abs=0.01
    )


async def test_a_text_ranks_pictures(client: AsyncClient, picture: bytes, samples: Path) -> None:
    other = (samples / "ads" / "ad-19.jpg").read_bytes()
    (ranking,) = await client.rank([Ranking.of(CLAIM, [other, picture])])
    assert [one.place for one in ranking.candidates] == [1, 0]
    assert all(one.image is None for one in ranking.candidates)


async def test_labels_get_probabilities_and_the_template_is_read(
    client: AsyncClient, picture: bytes
) -> None:
    labels = [CLAIM, *OTHERS]
    plain, text = await client.classify([picture, CLAIM], labels)
    assert plain.candidates[0].text == text.candidates[0].text == CLAIM
    assert text.candidates[0].similarity == pytest.approx(1, abs=0.01)
    (framed,) = await client.classify([picture], labels, "an ad that says {}")
    assert {one.text for one in framed.candidates} == set(labels)
    scores = [{one.place: one.similarity for one in r.candidates} for r in (plain, framed)]
    assert scores[0] != scores[1]


async def test_what_is_wrong_with_one_query_or_candidate_stays_with_it(
    client: AsyncClient, picture: bytes
) -> None:
    queries = [
        Ranking.of(picture, [CLAIM, b"no picture", ""]),
        Ranking.of(b"", [CLAIM]),
        Ranking.of("tea", []),
        Ranking(image=picture, text="both", candidates=[Candidate(text="tea")]),
        Ranking(text="tea", candidates=[Candidate(text="tea")], template="no slot"),
        Ranking.of("tea", ["tea"]),
    ]
    first, *broken, last = await client.rank(queries)
    codes = {one.place: one.problem and one.problem.code for one in first.candidates}
    assert codes == {0: None, 1: "image_unreadable", 2: "ad_empty"}
    assert first.candidates[0].probability == 1
    assert [ranking.problem and ranking.problem.code for ranking in broken] == [
        "image_empty",
        *["invalid_field"] * 3,
    ]
    assert last.problem is None
    with pytest.raises(RequestError, match="no_ads"):
        await client.rank([])


def test_the_http_routes_take_plain_json_and_are_documented(service: Service) -> None:
    url = service.urls["http"]
    answer = httpx.post(
        f"{url}/v1/rank",
        json={"queries": [{"text": "tea", "candidates": ["tea", {"text": "x"}, 7]}]},
    )
    (ranking,) = answer.json()["rankings"]
    assert ranking["candidates"][0]["text"] == "tea"
    assert ranking["candidates"][-1]["problem"]["code"] == "invalid_field"
    wrong = httpx.post(f"{url}/v1/classify", json={"queries": [{"text": "tea"}], "labels": "tea"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "malformed_request")
    described = httpx.get(f"{url}/openapi.json").json()
    for path in ("/v1/rank", "/v1/classify"):
        takes = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        name = takes["schema"]["$ref"].removeprefix("#/components/schemas/")
        assert "queries" in described["components"]["schemas"][name]["required"]


@pytest.mark.parametrize(
    "command",
    [
        lambda picture: ("rank", picture, *OTHERS, CLAIM),
        lambda picture: ("classify", picture, *(f"--label={one}" for one in (*OTHERS, CLAIM))),
    ],
)
def test_the_command_line_shows_a_table_or_json(
    service: Service, samples: Path, command: Callable[[str], tuple[str, ...]]
) -> None:
    asked = command(str(samples / "exemplars" / "cure-1-1.jpg"))
    run = [sys.executable, "-m", "adjudicate", *asked, "--url", service.urls["grpc"]]
    table = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    lines = [line for line in table.splitlines() if CLAIM in line or OTHERS[0] in line]
    assert CLAIM in lines[0]
    said = subprocess.run([*run, "--json"], capture_output=True, text=True, check=True).stdout
    assert json.loads(said)["candidates"][0]["text"] == CLAIM
