"""/docs and /redoc: the schema as pages for people, with nothing from anywhere else.

The pages are FastAPI's, the scripts they load those of the package `fastapi-offline`, which holds
Swagger UI and Redoc. Their content policy names exactly the script that stands in the page, by its
hash, and the files that this server has.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

_NO_ICON: Final = "data:,"
_INLINE: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_ASSETS: Final = "/docs/assets"
_SWAGGER: Final = "swagger-ui-bundle.js"
_STYLE: Final = "swagger-ui.css"
_REDOC: Final = "redoc.standalone.js"


def add_docs_pages(app: FastAPI) -> None:
    """Serve both pages, and the three files they load."""
    url = app.openapi_url or "/openapi.json"
    docs = _page(
        get_swagger_ui_html(
            openapi_url=url,
            title=f"{app.title}: try it",
            swagger_js_url=f"{_ASSETS}/{_SWAGGER}",
            swagger_css_url=f"{_ASSETS}/{_STYLE}",
            swagger_favicon_url=_NO_ICON,
        )
    )
    redoc = _page(
        get_redoc_html(
            openapi_url=url,
            title=f"{app.title}: reference",
            redoc_js_url=f"{_ASSETS}/{_REDOC}",
            redoc_favicon_url=_NO_ICON,
            with_google_fonts=False,
        )
    )

    async def show_docs(request: Request) -> Response:
        del request
        return docs

    async def show_redoc(request: Request) -> Response:
        del request
        return redoc

    app.add_route("/docs", show_docs, include_in_schema=False)
    app.add_route("/redoc", show_redoc, include_in_schema=False)
    folder = Path(str(files("fastapi_offline"))) / "static"
    for name in (_SWAGGER, _STYLE, _REDOC):
        app.add_route(f"{_ASSETS}/{name}", _shows(folder / name), include_in_schema=False)


def _shows(path: Path) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint for one file. It changes with the package only, so it may be kept."""

    async def show_asset(request: Request) -> Response:
        del request
        return FileResponse(path, headers={"Cache-Control": "public, max-age=86400"})

    return show_asset


def _page(made: HTMLResponse) -> HTMLResponse:
    html = bytes(made.body).decode("utf-8")
    return HTMLResponse(html, headers={"Content-Security-Policy": _policy(html)})


def _policy(html: str) -> str:
    """Return a policy that lets this page work, and nothing that was slipped into it."""
    scripts = " ".join([*map(_hash, _INLINE.findall(html)), "'self'"])
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {scripts}",
            "style-src 'unsafe-inline' 'self'",  # both write styles while they run
            "img-src 'self' data:",
            "connect-src 'self'",
            "worker-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"
