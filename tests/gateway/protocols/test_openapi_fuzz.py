"""What the OpenAPI document says is what the service does: schemathesis tries it out.

No guard stands before the application here, and the rooms, which check much of what is set, are not
the real ones: tests/e2e/test_contract.py has both.
"""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, assume, settings
from schemathesis.specs.openapi import checks

from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.shared.settings import GatewaySettings
from tests.gateway.protocols.fuzzing import give_time, is_another_route, left_out
from tests.gateway.protocols.rooms import FakeRooms

app = create_app(Api(FakeRooms(), GatewaySettings(max_ads=100)), 200_000)  # type: ignore[arg-type]
schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@schema.parametrize()
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_operation_answers_as_it_is_documented(case: schemathesis.Case) -> None:
    assume(not is_another_route(case))
    give_time(case)
    not_here = [checks.ignored_auth, checks.negative_data_rejection]
    case.call_and_validate(excluded_checks=[*left_out(case), *not_here])
