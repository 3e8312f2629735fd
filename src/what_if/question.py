"""The file that asks: strict JSON, every key known, every amount a text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, NoReturn

from traderbot.application.ports.what_if import BadQuestionError
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import uuid_text
from traderbot.infrastructure.brokers.paper_venue import Costs

_TOP = ("from", "change", "in_force")
_CHANGE = ("limits", "fee_bps", "slippage_bps", "parameters", "bot", "drop")
_IN_FORCE = ("limits", "fee_bps", "slippage_bps")
_LIMITS = ("order_notional_max", "order_notional_fraction", "market_order_cushion")
_MOST_BPS = 1000  # as in the settings
_LONGEST = 1_000_000  # characters of a file that asks a question


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What orders are measured with, and what the paper venue charges."""

    limits: Limits
    costs: Costs


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsChange:
    """Terms to be put in the place of others; None and what is left out stays."""

    limits: Mapping[str, Decimal] = field(default_factory=dict)
    fee_bps: Decimal | None = None
    slippage_bps: Decimal | None = None

    def of(self, terms: Terms) -> Terms:
        """Return the terms with these in their place. One fee counts for gate and venue alike."""
        changes: dict[str, Any] = dict(self.limits)
        limits = replace(terms.limits, **changes)
        costs = terms.costs
        if self.fee_bps is not None:
            limits = replace(limits, fee_bps=self.fee_bps)
            costs = replace(costs, fee_bps=self.fee_bps)
        if self.slippage_bps is not None:
            costs = replace(costs, slippage_bps=self.slippage_bps)
        return Terms(limits=limits, costs=costs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Where the hypothesis leaves the log, what is other from there on, and what was in force."""

    start: int = 0
    terms: TermsChange = field(default_factory=TermsChange)
    parameters: Mapping[str, str] = field(default_factory=dict)
    bot: str | None = None  # whose parameters; None stands for every bot run
    drop: Sequence[str] = ()  # ids of orders and commands
    in_force: TermsChange = field(default_factory=TermsChange)
    document: Mapping[str, Any] = field(default_factory=dict)  # as it was written


def read_question(text: str) -> Question:
    """Return the question a file asks.

    Raises:
        BadQuestionError: it is no JSON object, has a key nobody knows or twice, or a value of
            another kind. The message names the key and says what is allowed.
    """
    document = _object("the file", _json(text), _TOP)
    change = _object("change", document.get("change", {}), _CHANGE)
    parameters = _texts("change.parameters", change.get("parameters", {}))
    bot = change.get("bot")
    if bot is not None:
        bot = _id("change.bot", bot)
        if not parameters:
            _refuse("change.bot", "it says whose `parameters` change, and there are none")
    in_force = _object("in_force", document.get("in_force", {}), _IN_FORCE)
    return Question(
        start=_index("from", document.get("from", 0)),
        terms=_terms("change", change),
        parameters=parameters,
        bot=bot,
        drop=_ids("change.drop", change.get("drop", [])),
        in_force=_terms("in_force", in_force),
        document=document,
    )


def _json(text: str) -> Any:  # noqa: ANN401 - JSON is many things
    if len(text) > _LONGEST:
        _refuse("the file", f"at most {_LONGEST} characters")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (json.JSONDecodeError, RecursionError) as error:
        msg = f"the file is not JSON: {error}"
        raise BadQuestionError(msg) from error
    except ValueError as error:  # a number of thousands of digits
        msg = f"the file cannot be read: {error}"
        raise BadQuestionError(msg) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            _refuse(name, "it stands there twice")
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    _refuse(name, "it is no JSON")


def _object(where: str, value: Any, known: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, dict):
        _refuse(where, f"an object with {_listed(known)}, not {_said(value)}")
    for name in value:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            guess = f"did you mean {near[0]}? " if near else ""
            path = name if where == "the file" else f"{where}.{name}"
            _refuse(path[:100], f"no such key; {guess}allowed are {_listed(known)}")
    return value


def _terms(where: str, values: Mapping[str, Any]) -> TermsChange:
    limits = _object(f"{where}.limits", values.get("limits", {}), _LIMITS)
    return TermsChange(
        limits={name: _amount(f"{where}.limits.{name}", limits[name]) for name in limits},
        **{
            name: _amount(f"{where}.{name}", values[name], most=_MOST_BPS)
            for name in ("fee_bps", "slippage_bps")
            if name in values
        },
    )


def _amount(where: str, value: Any, most: int | None = None) -> Decimal:  # noqa: ANN401
    allowed = f"from 0 to {most}" if most else "not below 0"
    wanted = f'a decimal number as text, {allowed}, such as "20"'
    if not isinstance(value, str):
        _refuse(where, f"{wanted}, not {_said(value)}")
    try:
        amount = exact(value)
    except InvalidValueError as error:
        raise BadQuestionError(f"{where}: {wanted}; {error}") from error
    if amount < 0 or (most is not None and amount > most):
        _refuse(where, f"{wanted}, not {_said(value)}")
    return amount


def _texts(where: str, value: Any) -> dict[str, str]:  # noqa: ANN401
    if not isinstance(value, dict):
        _refuse(where, f"an object of texts, not {_said(value)}")
    for name, text in value.items():
        if not isinstance(text, str):
            _refuse(f"{where}.{name}"[:100], f'a text such as "10", not {_said(text)}')
    return value


def _index(where: str, value: Any) -> int:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        _refuse(where, f"an index of the log, 0 or more, not {_said(value)}")
    return value


def _ids(where: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401
    if not isinstance(value, list):
        _refuse(where, f"a list of ids of orders or commands, not {_said(value)}")
    found = tuple(_id(f"{where}[{number}]", each) for number, each in enumerate(value))
    for number, each in enumerate(found):
        if each in found[:number]:
            _refuse(f"{where}[{number}]", f"{each} stands there twice")
    return found


def _id(where: str, value: Any) -> str:  # noqa: ANN401
    try:
        return uuid_text(value)
    except InvalidValueError as error:
        raise BadQuestionError(f"{where}: {error}") from error


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _said(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - fits on a line


def _refuse(where: str, what: str) -> NoReturn:
    msg = f"{where}: {what}"
    raise BadQuestionError(msg)
