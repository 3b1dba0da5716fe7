"""The OpenAPI document: complete, well-formed, and of one piece with the code."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema_rs
import pytest
from docarray import DocList
from fastapi import FastAPI

from adjudicate.documents import AD_FIELDS, EXEMPLAR_FIELDS, Decision, Match
from adjudicate.errors import Code
from executors.gateway.door import NEEDS
from executors.gateway.operations.bodies import plain
from executors.gateway.protocols.components import SCHEMAS
from executors.gateway.protocols.openapi import TAGS

Spec = dict[str, Any]


@pytest.fixture
def spec(app: FastAPI) -> Spec:
    return app.openapi()


def operations(spec: Spec) -> list[tuple[str, Spec]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
    ]


def validator(spec: Spec, name: str) -> Any:
    """Of a component."""
    whole = {**spec, "$ref": f"#/components/schemas/{name}"}
    return jsonschema_rs.Draft202012Validator(whole)


def test_every_operation_is_told_about(spec: Spec) -> None:
    for name, operation in operations(spec):
        assert operation["summary"], name
        assert set(operation["tags"]) <= set(TAGS), name
        assert "Successful Response" not in str(operation["responses"]), name
    ids = [operation["operationId"] for _, operation in operations(spec)]
    assert len(set(ids)) == len(ids)


def test_every_refusal_is_a_problem_document_with_its_codes(spec: Spec) -> None:
    refusals = spec["components"]["responses"]
    for name, operation in operations(spec):
        for status, response in operation["responses"].items():
            if status[0] in "45" and name != "get /health":
                assert response == {"$ref": f"#/components/responses/Problem{status}"}, name
    check = validator(spec, "Problem")
    for response in refusals.values():
        (content,) = response["content"].items()
        assert content[0] == "application/problem+json"
        for code, example in content[1]["examples"].items():
            assert check.is_valid(example["value"])
            assert example["value"]["code"] == code
    waits = {status for status, response in refusals.items() if "Retry-After" in str(response)}
    assert waits == {"Problem429", "Problem503"}


def test_all_but_health_take_a_key_with_the_scope_that_the_door_wants(spec: Spec) -> None:
    open_to_all = [name for name, operation in operations(spec) if operation["security"] == []]
    assert open_to_all == ["get /health"]
    review = spec["paths"]["/v1/review"]["post"]
    assert review["security"] == [{"bearer": ["review"]}, {"apiKey": ["review"]}]
    assert spec["paths"]["/v1/models/load"]["post"]["security"][0] == {"bearer": ["admin"]}
    assert set(spec["components"]["securitySchemes"]) == {"bearer", "apiKey"}
    (scope,) = NEEDS["/review"]
    assert scope in review["description"]
    reads = spec["paths"]["/v1/decisions"]["get"]["security"]
    assert [each["bearer"] for each in reads if "bearer" in each] == [
        [str(scope)] for scope in NEEDS["/decision"]
    ]


def test_every_reference_leads_somewhere(spec: Spec) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [found for value in part.values() for found in references(value)]
        return (
            [found for value in part for found in references(value)]
            if isinstance(part, list)
            else []
        )

    for reference in references(spec):
        _, _, kind, name = reference.split("/")
        assert name in spec["components"][kind], reference
    assert not {"HTTPValidationError", "ValidationError"} & set(spec["components"]["schemas"])


def test_no_schema_is_there_for_nobody(spec: Spec) -> None:
    said = str(spec)
    for name in SCHEMAS:
        assert f"#/components/schemas/{name}'" in said, name


def test_every_example_is_of_its_schema(spec: Spec) -> None:
    shown = {name for name, schema in SCHEMAS.items() if "examples" in schema}
    assert {"Ad", "Decision", "Problem"} <= shown
    for name in shown:
        for example in SCHEMAS[name]["examples"]:
            validator(spec, name).validate(example)


def test_what_a_client_may_send_is_what_the_documents_read(spec: Spec) -> None:
    schemas = spec["components"]["schemas"]
    assert set(schemas["Ad"]["properties"]) == set(AD_FIELDS)
    assert set(schemas["NewExemplar"]["properties"]) == set(EXEMPLAR_FIELDS)
    assert schemas["Ad"]["properties"]["market"]["enum"] == ["CN", "US", "EU"]
    assert "W3C trace context" in schemas["Ad"]["properties"]["traceparent"]["description"]


def test_a_decision_as_it_is_sent_is_of_its_schema_and_one_that_lacks_a_field_is_not(
    spec: Spec,
) -> None:
    sent = plain(Decision(ad_id="a", matches=DocList[Match]([Match(exemplar_id="x")])))
    check = validator(spec, "Decision")
    check.validate(sent)
    for field in sent:
        assert not check.is_valid({name: value for name, value in sent.items() if name != field})


def test_bodies_have_schemas(spec: Spec) -> None:
    takes = {
        name: set(operation["requestBody"]["content"])
        for name, operation in operations(spec)
        if "requestBody" in operation
    }
    assert takes["post /v1/thresholds"] == {"application/json"}
    both = {"application/json", "multipart/form-data"}
    assert {name for name, types in takes.items() if types == both} == {
        "post /v1/review",
        "post /v1/embed",
        "post /v1/search",
    }
    assert not {name for name, _ in operations(spec) if name.split()[0] in ("post", "patch")} - set(
        takes
    )


def test_the_codes_of_the_contract_that_refuse_requests_are_documented(spec: Spec) -> None:
    told = str(spec["components"]["responses"])
    for code in (Code.RATE_LIMITED, Code.OVERLOADED, Code.SHUTTING_DOWN, Code.REQUEST_TIMEOUT):
        assert code in told


async def test_the_document_and_its_page_come_without_the_internet(http: httpx.AsyncClient) -> None:
    assert (await http.get("/openapi.json")).json()["openapi"].startswith("3.1")
    page = await http.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    for name, kind in (
        ("swagger-ui-bundle.js", "javascript"),
        ("swagger-ui.css", "text/css"),
        ("favicon-32x32.png", "image/png"),
    ):
        assert f"/docs/assets/{name}" in page.text
        asset = await http.get(f"/docs/assets/{name}")
        assert (asset.status_code, kind in asset.headers["content-type"]) == (200, True)
    missing = await http.get("/docs/assets/nothing.js")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
