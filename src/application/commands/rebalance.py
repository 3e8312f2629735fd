"""Bring a portfolio to target weights: first the plan, then, if nothing has changed, its orders.

The plan is made in `domain/risk/rebalancing`; here it gets its holdings, prices and limits, and
every order of it is shown to the gate before any is placed. All of them pass, or none is placed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import ClassVar, Literal

from traderbot.application.commands.placing import (
    Placing,
    ensure_active,
    owned_portfolio,
    place,
    reference_of,
)
from traderbot.application.gate import Asked, Gate
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.views import ReasonView
from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.orders.events import OrderApproved
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.ticket import Approved, OrderKind, Side, Ticket
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.effective import limits_at
from traderbot.domain.risk.rebalancing.answer import IntendedOrder, RebalancingPlan
from traderbot.domain.risk.rebalancing.plan import plan_rebalancing
from traderbot.domain.risk.rebalancing.question import Holding, RebalancingRules
from traderbot.domain.shared.decimals import ZERO, plain
from traderbot.domain.shared.errors import DomainError, InvalidValueError
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Currency, Quantity, Symbol

_FUNDS = "INSUFFICIENT_FUNDS"


class PlanChangedError(DomainError):
    """Another plan would be made by now: prices, cash or positions have moved."""

    code: ClassVar[str] = "PLAN_CHANGED"


class PlanRefusedError(DomainError):
    """The gate refuses an order of the plan, so none of them was placed."""

    code: ClassVar[str] = "PLAN_REFUSED"


@dataclass(frozen=True, slots=True)
class Target:
    """A symbol, and the share of the equity it should be: from 0 to 1."""

    symbol: Symbol
    weight: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOrderView:
    """One market order of a plan, measured with the last known close.

    `verdict` is the gate's: `approved`; `refused`, with its reasons; or `later`: it waits for the
    money that the sells of the plan bring in, and another plan after them will have it.
    """

    symbol: str
    side: str
    quantity: str
    reference: str
    notional: str
    fee: str
    verdict: Literal["approved", "refused", "later"]
    reasons: tuple[ReasonView, ...] = ()
    order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreachedView:
    """A position that stays away from its target, by how much, and why."""

    symbol: str
    why: str
    target: str
    weight: str
    gap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalancingView:
    """A plan, and whether its orders were placed. Amounts are in `currency`.

    `digest` names exactly this plan. `weights` and `cash` are as they will be if every order fills
    at its reference. `working` are orders that work already: what they buy is not counted.
    """

    portfolio_id: str
    currency: str
    orders: tuple[PlannedOrderView, ...]
    unreached: tuple[UnreachedView, ...]
    weights: dict[str, str]
    cash: str
    fees: str
    equity_before: str
    equity_after: str
    working: int
    digest: str = ""
    executed: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the gate refuses one of its orders."""
        return any(order.verdict == "refused" for order in self.orders)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebalance(Command[RebalancingView]):
    """Somebody wants a portfolio at these weights; what they leave over stays in cash.

    Without `plan` nothing is placed: the answer is the plan. With the digest of a plan, that plan
    is carried out, if it is still the one that would be made.
    """

    owner_id: UserId
    portfolio_id: PortfolioId
    targets: tuple[Target, ...]
    tolerance: Decimal = Decimal("0.01")  # a share of the equity
    minimum_trade: Decimal = ZERO  # of each order, in the portfolio's currency
    plan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalanceHandler:
    """Handles `Rebalance`. A plan records nothing."""

    gate: Gate
    clock: Clock
    ids: IdSource

    def __call__(self, command: Rebalance, unit: UnitOfWork) -> RebalancingView:
        """Return the plan, with its orders' ids if they were placed.

        Raises:
            NotFoundError: the portfolio is not the caller's.
            NotAllowedError: the caller was deactivated.
            InvalidValueError: targets that make no plan; something held that has no target.
            NoReferencePriceError: no price of a symbol is known.
            PlanChangedError: the digest is that of another plan.
            PlanRefusedError: the gate refuses an order. Nothing was placed, or recorded.
        """
        ensure_active(unit, command.owner_id)
        portfolio = owned_portfolio(unit, command.portfolio_id, command.owner_id)
        at = self.clock.now()
        currency = _currency(command.targets)
        plan = self._plan(command, portfolio, currency, unit, at)
        orders = self._judged(plan, portfolio, unit, at)
        view = _view(plan, orders, portfolio, currency)
        if command.plan is None:
            return view
        if command.plan != view.digest:
            msg = "by now the plan is another one; look at it, and give its digest"
            raise PlanChangedError(msg)
        if view.is_refused:
            raise _refused([it for it in view.orders if it.verdict == "refused"])
        return self._execute(view, plan.orders, command, unit, at)

    def _plan(
        self,
        command: Rebalance,
        portfolio: Portfolio,
        currency: Currency,
        unit: UnitOfWork,
        at: datetime,
    ) -> RebalancingPlan:
        controls = self.gate.controls(unit, portfolio.id)
        limits, _version = limits_at(self.gate.limits, controls, at)
        rules = RebalancingRules.within(
            limits,
            portfolio.equity_at_cost(currency),
            tolerance=command.tolerance,
            minimum_trade=command.minimum_trade,
        )
        _ensure_complete(command.targets, portfolio, currency)
        holdings = [self._holding(target, portfolio, unit) for target in command.targets]
        return plan_rebalancing(holdings, portfolio.cash_in(currency).free, rules)

    def _holding(self, target: Target, portfolio: Portfolio, unit: UnitOfWork) -> Holding:
        symbol, held = target.symbol, portfolio.position_in(target.symbol)
        rules = self.gate.markets.rules(symbol)
        one = _ticket(portfolio.id, symbol, Side.SELL, Quantity(1))
        return Holding(
            instrument=default_instrument(symbol)
            if rules is None
            else Instrument(
                symbol=symbol,
                tick_size=rules.tick_size,
                lot_size=rules.lot_size,
                notional_min=rules.notional_min,
            ),
            target=target.weight,
            reference=reference_of(one, None, unit),
            held=Quantity(held.net),
            sellable=held.closable(Side.SELL),
        )

    def _judged(
        self, plan: RebalancingPlan, portfolio: Portfolio, unit: UnitOfWork, at: datetime
    ) -> tuple[PlannedOrderView, ...]:
        """Show every order to the gate, each as if those before it had been placed."""
        after, judged = portfolio, []
        controls = self.gate.controls(unit, portfolio.id)
        for number, order in enumerate(plan.orders):
            ticket = _ticket(portfolio.id, order.symbol, order.side, order.quantity)
            asked = Asked(ticket=ticket, reference=order.reference, at=at, controls=controls)
            verdict = self.gate.ask(asked, after, unit).verdict
            if isinstance(verdict, Approved):
                judged.append(_planned(order, "approved"))
                after = _reserved(after, verdict, OrderId(f"planned-{number}"), at)
                continue
            codes = {reason.code for reason in verdict.reasons}
            sells = any(it.side is Side.SELL for it in plan.orders)
            waits = codes == {_FUNDS} and order.side is Side.BUY and sells
            reasons = tuple(ReasonView(it.code, it.limit, it.value) for it in verdict.reasons)
            judged.append(_planned(order, "later" if waits else "refused", reasons))
        return tuple(judged)

    def _execute(
        self,
        view: RebalancingView,
        intended: Sequence[IntendedOrder],
        command: Rebalance,
        unit: UnitOfWork,
        at: datetime,
    ) -> RebalancingView:
        placed: list[PlannedOrderView] = []
        for shown, order in zip(view.orders, intended, strict=True):
            if shown.verdict != "approved":
                placed.append(shown)
                continue
            placing = Placing(
                order_id=OrderId(self.ids.new()),
                owner_id=command.owner_id,
                ticket=_ticket(command.portfolio_id, order.symbol, order.side, order.quantity),
                at=at,
                reference=order.reference,
            )
            portfolio = owned_portfolio(unit, command.portfolio_id, command.owner_id)
            made = place(placing, portfolio, self.gate, unit)
            if made.status is OrderStatus.REFUSED:
                reasons = tuple(ReasonView(it.code, it.limit, it.value) for it in made.reasons)
                raise _refused([replace(shown, verdict="refused", reasons=reasons)])
            placed.append(replace(shown, order_id=made.id))
        return replace(view, orders=tuple(placed), executed=True)


def _currency(targets: tuple[Target, ...]) -> Currency:
    if not targets:
        msg = "name at least one target, such as IBM=0.4"
        raise InvalidValueError(msg)
    currencies = {target.symbol.quote for target in targets}
    if len(currencies) > 1:
        named = ", ".join(sorted(it.code for it in currencies))
        msg = f"one plan is in one currency, not in {named}: make one for each"
        raise InvalidValueError(msg)
    return currencies.pop()


def _ensure_complete(targets: tuple[Target, ...], portfolio: Portfolio, currency: Currency) -> None:
    """Let nothing be sold because it was forgotten. Raises InvalidValueError."""
    named = {target.symbol for target in targets}
    for symbol, held in sorted(portfolio.positions.items()):
        if not held.net or symbol.quote != currency:
            continue
        if held.net < 0:
            msg = f"{symbol} is held short, which no plan can change: close it first"
            raise InvalidValueError(msg)
        if symbol not in named:
            msg = f"{symbol} is held and has no target: give it one; {symbol}=0 sells it"
            raise InvalidValueError(msg)


def _ticket(portfolio_id: PortfolioId, symbol: Symbol, side: Side, quantity: Quantity) -> Ticket:
    return Ticket(
        portfolio_id=portfolio_id,
        symbol=symbol,
        side=side,
        quantity=quantity,
        kind=OrderKind.MARKET,
    )


def _reserved(portfolio: Portfolio, verdict: Approved, id_: OrderId, at: datetime) -> Portfolio:
    approved = OrderApproved(
        order_id=id_,
        at=at,
        reserved=verdict.reserved,
        closing=verdict.closing,
        reference=verdict.reference,
        checks=verdict.checks,
    )
    for event in portfolio.reserve(verdict.ticket, approved):
        portfolio = portfolio.apply(event)
    return portfolio


def _planned(
    order: IntendedOrder,
    verdict: Literal["approved", "refused", "later"],
    reasons: tuple[ReasonView, ...] = (),
) -> PlannedOrderView:
    return PlannedOrderView(
        symbol=order.symbol.code,
        side=order.side.value,
        quantity=plain(order.quantity.value),
        reference=plain(order.reference.value),
        notional=plain(order.notional.amount),
        fee=plain(order.fee.amount),
        verdict=verdict,
        reasons=reasons,
    )


def _view(
    plan: RebalancingPlan,
    orders: tuple[PlannedOrderView, ...],
    portfolio: Portfolio,
    currency: Currency,
) -> RebalancingView:
    view = RebalancingView(
        portfolio_id=portfolio.id,
        currency=currency.code,
        orders=orders,
        unreached=tuple(
            UnreachedView(
                symbol=it.symbol.code,
                why=it.why.value,
                target=plain(it.target),
                weight=plain(it.weight),
                gap=plain(it.gap.amount),
            )
            for it in plan.unreached
        ),
        weights={symbol.code: plain(weight) for symbol, weight in sorted(plan.weights.items())},
        cash=plain(plan.cash.amount),
        fees=plain(plan.fees.amount),
        equity_before=plain(plan.equity_before.amount),
        equity_after=plain(plan.equity_after.amount),
        working=len(portfolio.memory.working),
    )
    shown = json.dumps(asdict(view), sort_keys=True, separators=(",", ":"))
    return replace(view, digest=sha256(shown.encode()).hexdigest())


def _refused(orders: Sequence[PlannedOrderView]) -> PlanRefusedError:
    said = "; ".join(
        f"{it.side} {it.quantity} {it.symbol}: {', '.join(reason.code for reason in it.reasons)}"
        for it in orders
    )
    return PlanRefusedError(f"nothing was placed, for the gate refuses {said}")
