"""A strategy's parameters as text, and back: what forms, command lines and records hold.

The parameters of a strategy are those of its `__init__`; the type of each one's default (or of its
annotation, if it has none) says how its text is read, and an attribute of the same name holds the
current value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from inspect import Parameter, signature
from typing import Any

from traderbot.domain.shared.decimals import exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.strategies.errors import InvalidParameterError, hint

_INT = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_BOOLS = {"true": True, "false": False}


def parameter_texts(strategy: object) -> dict[str, str]:
    """Return the text of each current parameter; `parse_parameters` reads it back unchanged.

    Raises:
        InvalidParameterError: a parameter is kept under another name, or has no plain text.
    """
    texts = {}
    kind: Any = type(strategy)
    for name in _parameters_of(kind):
        try:
            value = getattr(strategy, name)
        except AttributeError as error:
            reason = "keep it in an attribute of this name, or override `parameters`"
            raise InvalidParameterError(name, reason) from error
        texts[name] = parameter_text(name, value)
    return texts


def parse_parameters(kind: type, texts: Mapping[str, str]) -> dict[str, object]:
    """Return the arguments for `kind(...)` that `texts` describe; what is absent keeps its default.

    Raises:
        InvalidParameterError: an unknown name, a missing one, or a text of the wrong form.
    """
    known = _parameters_of(kind)
    for name in texts:
        if name not in known:
            raise InvalidParameterError(name, f"no such parameter{hint(name, known)}")
    for name, parameter in known.items():
        if parameter.default is Parameter.empty and name not in texts:
            raise InvalidParameterError(name, "has no default and was not given")
    return {name: _value(name, text, _like(known[name])) for name, text in texts.items()}


def _like(parameter: Parameter) -> object:
    """Return a value of the type that is wanted."""
    if parameter.default is not Parameter.empty:
        return parameter.default
    kinds: dict[object, object] = {int: 0, float: 0.0, bool: False, Decimal: Decimal(0)}
    return kinds.get(parameter.annotation, parameter.default)


@cache
def _parameters_of(kind: type) -> Mapping[str, Parameter]:
    by_name = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    try:
        found = signature(kind, eval_str=True).parameters
    except NameError:  # an annotation of something that is only there for a type checker
        found = signature(kind).parameters
    return {name: each for name, each in found.items() if each.kind in by_name}


def parameter_text(name: str, value: object) -> str:
    """Return the text of one value. Raises InvalidParameterError if it has no plain one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, float):
        # repr is the shortest text that reads back as the same float.
        return plain(exact(Decimal(repr(float(value)))))
    reason = f"a {type(value).__name__} has no plain text; override `parameters`"
    raise InvalidParameterError(name, reason)


def _value(name: str, text: str, default: object) -> object:
    if not isinstance(text, str):
        raise InvalidParameterError(name, f"write it as text, not as {type(text).__name__}")
    try:
        return _parse(text, default)
    except InvalidValueError as error:
        raise InvalidParameterError(name, str(error)) from error


def _parse(text: str, default: object) -> object:
    if default is Parameter.empty or isinstance(default, str):
        return text
    if isinstance(default, bool):
        if text not in _BOOLS:
            msg = f"true or false, not {text!r:.60}"
            raise InvalidValueError(msg)
        return _BOOLS[text]
    if isinstance(default, int):
        if _INT.fullmatch(text) is None:
            msg = f"not a whole number: {text!r:.60}"
            raise InvalidValueError(msg)
        return int(text)
    if isinstance(default, float):
        return float(exact(text))
    if isinstance(default, Decimal):
        return exact(text)
    msg = f"a default of type {type(default).__name__} cannot be read; override `from_parameters`"
    raise InvalidValueError(msg)
