"""/docs and /redoc: the schema as pages for people.

The pages are FastAPI's. Their content policy names exactly the script that stands in the page, by
its hash, and the files it loads.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_NO_ICON: Final = "data:,"
_INLINE: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_SOURCE: Final = re.compile(r"""(?:src|href)="(https://[^"]+)\"""")


def add_docs_pages(app: FastAPI) -> None:
    """Serve both pages."""
    url = app.openapi_url or "/openapi.json"
    docs = _page(
        get_swagger_ui_html(
            openapi_url=url, title=f"{app.title}: try it", swagger_favicon_url=_NO_ICON
        )
    )
    redoc = _page(
        get_redoc_html(
            openapi_url=url,
            title=f"{app.title}: reference",
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


def _page(made: HTMLResponse) -> HTMLResponse:
    html = bytes(made.body).decode("utf-8")
    return HTMLResponse(html, headers={"Content-Security-Policy": _policy(html)})


def _policy(html: str) -> str:
    """Return a policy that lets this page work, and nothing that was slipped into it."""
    hosts = " ".join(sorted({source.split("/")[2] for source in _SOURCE.findall(html)}))
    scripts = " ".join([*map(_hash, _INLINE.findall(html)), hosts])
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {scripts}",
            f"style-src 'unsafe-inline' {hosts}",  # both write styles while they run
            f"img-src 'self' data: {hosts}",
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
