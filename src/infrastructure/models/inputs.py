"""What a model is fed, as a text: `rsi(period=14); macd.histogram; close`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from traderbot.domain.strategies.errors import InvalidParameterError, hint
from traderbot.domain.strategies.features import BASE_COLUMNS, Feature
from traderbot.domain.strategies.indicators.catalogue import INDICATORS

_ITEM = re.compile(r"([a-z_]+)(?:\.([a-z_]+))?(?:\(([^()]*)\))?", re.ASCII)


def read_inputs(text: str) -> Mapping[str, Feature | None]:
    """Return the columns of the feature matrix in their order; None stands for one of the bars.

    Raises:
        InvalidParameterError: there are none, one is written wrongly, twice, or nobody knows it.
    """
    found: dict[str, Feature | None] = {}
    for item in filter(None, map(str.strip, text.split(";"))):
        if item in found:
            raise InvalidParameterError("inputs", f"{item} is there twice")
        found[item] = _input(item)
    if not found:
        raise InvalidParameterError("inputs", 'nothing there; write e.g. "rsi(period=14); close"')
    return found


def _input(item: str) -> Feature | None:
    matched = _ITEM.fullmatch(item)
    if matched is None:
        reason = f"cannot read {item!r:.60}; write name, name.output or name(parameter=value)"
        raise InvalidParameterError("inputs", reason)
    name, output, arguments = matched.groups()
    if name in BASE_COLUMNS and output is None and arguments is None:
        return None
    if name not in INDICATORS:
        known = (*BASE_COLUMNS, *INDICATORS)
        raise InvalidParameterError("inputs", f"nothing is called {name}{hint(name, known)}")
    return Feature(name, dict(map(_argument, _parts(arguments))), output=output or "")


def _parts(arguments: str | None) -> list[str]:
    return [part.strip() for part in (arguments or "").split(",") if part.strip()]


def _argument(part: str) -> tuple[str, object]:
    name, _, text = (each.strip() for each in part.partition("="))
    for kind in (int, float):
        try:
            return name, kind(text)
        except ValueError:
            continue
    return name, text
