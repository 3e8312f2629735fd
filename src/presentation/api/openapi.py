"""The schema without a server: for `traderbot openapi` and for tools that generate clients."""

from __future__ import annotations

from typing import Any

from traderbot.presentation.api.app import ApiOptions, create_app


def openapi_schema(options: ApiOptions | None = None) -> dict[str, Any]:
    """Return the OpenAPI document. No application, database or setting is needed."""
    return create_app(None, options or ApiOptions()).openapi()
