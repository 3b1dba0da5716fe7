"""schemathesis against the running service, its guard included: no 5xx, all as it is documented."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import jwt
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, settings

from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.shared.settings import GatewaySettings
from tests.e2e.service import Service
from tests.gateway.protocols.fuzzing import give_time, is_another_route, left_out
from tests.gateway.protocols.rooms import FakeRooms

pytestmark = pytest.mark.slow

SECRET = secrets.token_urlsafe(48)
ISSUER, AUDIENCE = "https://issuer.example", "adjudicate"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own: what is made up here stays in its library."""
    service = Service(
        tmp_path_factory.mktemp("guarded"),
        {
            "ADJUDICATE_ACCESS__MODE": "required",
            "ADJUDICATE_ACCESS__JWT_SECRET": SECRET,
            "ADJUDICATE_ACCESS__JWT_ISSUER": ISSUER,
            "ADJUDICATE_ACCESS__JWT_AUDIENCE": AUDIENCE,
        },
    )
    service.start()
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="module")
def key() -> str:
    """A token that may do everything."""
    claims = {"sub": "fuzz", "iss": ISSUER, "aud": AUDIENCE, "scope": "admin"}
    return jwt.encode({**claims, "exp": int(time.time()) + 3_600}, SECRET, "HS256")


app = create_app(Api(FakeRooms(), GatewaySettings()), max_bytes=1)  # type: ignore[arg-type]
schema = schemathesis.openapi.from_dict(app.openapi())


@schema.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation_answers_as_it_is_documented(
    case: schemathesis.Case, guarded: Service, key: str
) -> None:
    assume(not is_another_route(case))
    give_time(case)
    case.call_and_validate(
        base_url=guarded.urls["http"],
        headers={"Authorization": f"Bearer {key}"},
        excluded_checks=left_out(case),
    )
