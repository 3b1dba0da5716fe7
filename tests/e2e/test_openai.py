"""The openai package, with its base URL pointed at the running Flow."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest

from adjudicate import Ad, Client
from executors.shared.policy import load_policy
from tests.e2e.conftest import sample_ad, sample_rows
from tests.e2e.service import ROOT, Service


@pytest.fixture
def client(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="none", base_url=f"{service.urls['http']}/v1") as connected:
        yield connected


def test_moderations_are_the_decisions_of_reviews(client: openai.OpenAI, service: Service) -> None:
    rows = [row for row in sample_rows() if row["text"] and not row["file"]][:8]
    market = {"market": rows[0]["market"] or None}
    answer = client.moderations.create(input=[row["text"] for row in rows], extra_body=market)
    with Client(service.urls["grpc"]) as ours:
        decided = ours.review_all([Ad(text=row["text"], **market) for row in rows])
    assert [result.flagged for result in answer.results] == [
        decision.outcome != "approve" for decision in decided
    ]
    names = {
        name for rule in load_policy(ROOT / "policies").rules.values() for name in rule.categories
    }
    for result, decision in zip(answer.results, decided, strict=True):
        told: Any = result.adjudicate  # type: ignore[attr-defined]
        assert (told["outcome"], told["rule"]) == (decision.outcome, decision.rule)
        assert {*names, "other"} <= set(result.categories.to_dict())
        assert any(result.categories.to_dict().values()) == result.flagged


def test_the_example_of_the_docs_is_what_it_says(client: openai.OpenAI) -> None:
    answer = client.moderations.create(
        input="Proven to reverse diabetes", extra_body={"market": "US", "product": "food"}
    )
    result: Any = answer.results[0]
    assert result.flagged
    assert [name for name, holds in result.categories.to_dict().items() if holds] == ["disease"]
    assert result.category_scores.to_dict()["disease"] > 0.9
    assert (result.adjudicate["outcome"], result.adjudicate["rule"]) == ("reject", "US-FTC")
    # The package has names for OpenAI's own categories, of which nothing is said.
    assert result.categories.violence is None


def test_a_picture_alone_is_an_ad(client: openai.OpenAI) -> None:
    row = next(row for row in sample_rows() if row["kind"] == "near-duplicate" and row["rule"])
    ad = sample_ad(row)
    assert ad.image is not None
    url = f"data:image/jpeg;base64,{base64.b64encode(ad.image).decode()}"
    parts: Any = [{"type": "image_url", "image_url": {"url": url}}]
    (result,) = client.moderations.create(input=parts).results
    assert result.flagged
    assert max(result.category_scores.to_dict().values()) >= 0.5


def test_a_clean_text_is_not_flagged_and_an_unreadable_picture_is_an_error(
    client: openai.OpenAI,
) -> None:
    (result,) = client.moderations.create(input="New flavours, at your grocer's").results
    assert not result.flagged
    broken: Any = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client.moderations.create(input=broken)
    assert refused.value.code == "image_unreadable"


def test_embeddings_are_those_of_embed(client: openai.OpenAI, service: Service) -> None:
    picture = sample_ad(next(row for row in sample_rows() if row["file"])).image
    assert picture is not None
    url = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    inputs: Any = ["Vitamin C, 500 mg", {"image": url}]
    answer = client.embeddings.create(input=inputs, model="adjudicate")
    with Client(service.urls["grpc"]) as ours:
        text, image = ours.embed([Ad(text=inputs[0]), Ad(image=picture)])
    assert np.allclose(answer.data[0].embedding, text.text[0], atol=1e-4)
    assert np.allclose(answer.data[1].embedding, image.image, atol=1e-4)
    assert [model.id for model in client.models.list().data] == ["adjudicate", answer.model]
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(input="tea", model="text-embedding-3-small")
