"""The HTTP application: its routes, its docs, and how it refuses."""

from __future__ import annotations

import orjson
from fastapi import FastAPI, Response

from executors.gateway.operations.api import Api
from executors.gateway.operations.bodies import Body
from executors.gateway.protocols.appeals import add_appeal_routes, add_webhook_routes
from executors.gateway.protocols.audit import add_audit_routes
from executors.gateway.protocols.decisions import add_decision_routes
from executors.gateway.protocols.learning import add_learning_routes
from executors.gateway.protocols.library import add_library_routes
from executors.gateway.protocols.models import add_model_routes
from executors.gateway.protocols.openai import add_openai_routes
from executors.gateway.protocols.openapi import install_openapi
from executors.gateway.protocols.pages import DOCS, add_docs_page
from executors.gateway.protocols.paths import Paths
from executors.gateway.protocols.problems import install_problems
from executors.gateway.protocols.quality import add_quality_routes
from executors.gateway.protocols.queue import add_queue_routes
from executors.gateway.protocols.reader import Reader
from executors.gateway.protocols.records import add_record_routes
from executors.gateway.protocols.report import add_report_route
from executors.gateway.protocols.reviews import add_review_routes
from executors.gateway.protocols.thresholds import add_threshold_routes
from executors.gateway.protocols.traced import TracedRoute


def json_response(body: Body) -> Response:
    """Plain data as a JSON response."""
    return Response(orjson.dumps(body), media_type="application/json")


def create_app(api: Api, max_bytes: int) -> FastAPI:
    """The application. `max_bytes` bounds a request's body while it is read."""
    app = FastAPI(
        title="Adjudicate",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        # `Traced` makes the spans; FastAPI's own would come on top of each.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.router.route_class = TracedRoute
    reader = Reader(max_bytes, api.max_ads)
    add_review_routes(app, api, reader, json_response)
    add_decision_routes(app, api, json_response)
    add_library_routes(app, api.library, reader, json_response)
    add_threshold_routes(app, api.thresholds, reader, json_response)
    add_model_routes(app, api.models, reader, json_response)
    add_quality_routes(app, api.quality, reader, json_response)
    add_queue_routes(app, api.queue, reader, json_response)
    add_appeal_routes(app, api.appeals, reader, json_response)
    add_learning_routes(app, api.learning, reader, json_response)
    add_webhook_routes(app, api.webhooks, reader, json_response)
    add_audit_routes(app, api.audit, json_response)
    add_record_routes(app, api.records, reader, json_response)
    add_report_route(app, api.reports, json_response)
    add_openai_routes(app, api, reader, json_response)
    add_docs_page(app)
    install_openapi(app)
    install_problems(app, DOCS)
    app.add_middleware(Paths)
    return app
