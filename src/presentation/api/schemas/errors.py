"""What every failure looks like."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from traderbot.presentation.api.schemas.values import Instant


class FailureDetail(BaseModel):
    """One thing that is wrong, and where."""

    field: str = Field(description="where: `body.quantity`, `query.limit`, a health check's name")
    message: str = Field(description="what is wrong there, for a person")


class Failure(BaseModel):
    """Why there is no other answer."""

    code: str = Field(description="stable; programs may decide by it")
    message: str = Field(description="for a person; may change")
    timestamp: Instant
    request_id: str = Field(description="also in the header `X-Request-ID`, the log and the audit")
    details: list[FailureDetail] | None = None


class FailureEnvelope(BaseModel):
    """The form of every failure."""

    success: Literal[False] = False
    error: Failure


class Problem(BaseModel):
    """The same failure as RFC 9457 writes it, for `Accept: application/problem+json`."""

    type: str = Field(description="a URI for the code")
    title: str
    status: int
    detail: str
    instance: str = Field(description="a URI for this one failure, made of the request id")
    code: str
    request_id: str
    timestamp: Instant
    errors: list[FailureDetail] | None = None
