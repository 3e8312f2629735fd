"""The finish on FastAPI's schema: examples in every place a reader looks for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from traderbot.presentation.api.errors import PROBLEM
from traderbot.presentation.api.schemas.errors import Problem
from traderbot.presentation.api.schemas.values import MAX_PASSWORD, Body, Out

_REF: Final = "#/components/schemas/"
_LOGIN: Final = {
    "grant_type": "password",
    "username": "ada@example.org",
    "password": "correct horse battery staple",
}

Schema = dict[str, Any]


def complete(schema: Schema) -> Schema:
    """Return the schema with every body's example beside it, and the parts FastAPI cannot know."""
    components: Schema = schema["components"]["schemas"]
    components["Problem"] = Problem.model_json_schema(
        mode="serialization", ref_template=f"{_REF}{{model}}"
    )
    components["Problem"].pop("$defs", None)  # FailureDetail is there already
    # FastAPI has dropped every null from the examples on the way; these still have theirs.
    for model in _models(Body, Out):
        extra = model.model_config.get("json_schema_extra")
        if isinstance(extra, dict) and model.__name__ in components:
            components[model.__name__]["examples"] = extra["examples"]
    for name, component in components.items():
        if name.startswith("Body_"):  # the OAuth 2.0 form, which is not ours to annotate
            component["examples"] = [_LOGIN]
            component["properties"]["password"]["maxLength"] = MAX_PASSWORD
    for media in _media(schema):
        name = media.get("schema", {}).get("$ref", "").removeprefix(_REF)
        examples = components.get(name, {}).get("examples")
        if examples and "examples" not in media:
            media["example"] = examples[0]
    return schema


def _models(*bases: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for base in bases:
        yield base
        yield from _models(*base.__subclasses__())


def _media(schema: Schema) -> Iterator[Schema]:
    for operations in schema["paths"].values():
        for operation in operations.values():
            yield from operation.get("requestBody", {}).get("content", {}).values()
            for response in operation["responses"].values():
                for media_type, media in response.get("content", {}).items():
                    if media_type != PROBLEM:
                        yield media
