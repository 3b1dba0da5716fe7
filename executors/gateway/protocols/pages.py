"""`/docs`: Swagger UI, whose files come from this machine and not from the internet."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

DOCS = "/docs"
ASSETS = f"{DOCS}/assets"
_SCRIPT, _STYLE, _ICON = (
    f"{ASSETS}/{name}" for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
)
PAGES = frozenset({DOCS, "/openapi.json", _SCRIPT, _STYLE, _ICON})
"""They hold nothing of this service's data, and a browser opens them without a key."""


def add_docs_page(app: FastAPI) -> None:
    """Put `/docs` and its files on the application. Takes FastAPI's own page's place."""

    @app.get(DOCS, include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "").rstrip("/")
        return get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{_SCRIPT}",
            swagger_css_url=f"{root}{_STYLE}",
            swagger_favicon_url=f"{root}{_ICON}",
            swagger_ui_parameters={"persistAuthorization": True, "displayRequestDuration": True},
        )

    files = StaticFiles(packages=[("fastapi_swagger", "resources")])
    app.mount(ASSETS, files, name="docs-assets")
