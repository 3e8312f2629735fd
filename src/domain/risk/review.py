"""The gate: the one place between every source of orders and every venue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.orders.ticket import (
    Approved,
    Check,
    OrderKind,
    Refused,
    Side,
    Ticket,
    Verdict,
)
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.exposure import (
    NOTHING_SPECIAL,
    Circumstances,
    Exposure,
    Finding,
    RiskPolicy,
)
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.policies import POLICIES
from traderbot.domain.risk.policies_order import is_stale
from traderbot.domain.shared.decimals import EXACT, add, canonical, floor_to
from traderbot.domain.shared.values import Money, Price, Quantity, trusted_money, trusted_price

_FUNDS, _NOTIONAL = "INSUFFICIENT_FUNDS", "ORDER_NOTIONAL_MAX"
_TWO = 2


def review(
    ticket: Ticket,
    portfolio: Portfolio,
    reference: Price,
    limits: Limits,
    *,
    policies: Sequence[RiskPolicy] = POLICIES,
    around: Circumstances = NOTHING_SPECIAL,
) -> Verdict:
    """Ask every policy about the ticket; one no is enough, and all of them are named.

    `reference` is the price the notional is measured with: the limit price of a limit order, the
    last known close for a market order. An approval keeps what the policies about money found;
    what the others held against the order follows from its `limits_version`.
    """
    ticket = protected(ticket, reference, limits, around)
    exposure = measure(ticket, portfolio, reference, limits, around)
    findings = [found for policy in policies if (found := policy(exposure)) is not None]
    refused = [finding for finding in findings if not finding.passed]
    if refused:
        return Refused(
            ticket=ticket,
            reasons=_as_recorded(refused),
            limits_version=around.limits_version,
            installed=around.installed,
        )
    return Approved(
        ticket=ticket,
        reserved=exposure.reserved,
        closing=exposure.closing,
        reference=reference,
        checks=_as_recorded(findings),
        limits_version=around.limits_version,
        installed=around.installed,
    )


def protected(
    ticket: Ticket, reference: Price, limits: Limits, around: Circumstances = NOTHING_SPECIAL
) -> Ticket:
    """Return a market order with the price it may trade at worst, if there is a collar for them.

    It is a whole step of price on the near side of the collar, around the quote where there is
    one. An order that has one already keeps it: the venue knows no other. Around a quote that is
    too old nothing is protected: what opens is refused then, and what closes has to get out.
    """
    collar = limits.market_order_collar
    if collar is None or ticket.kind is not OrderKind.MARKET or ticket.protective_limit is not None:
        return ticket
    quote = around.quote
    if quote is not None and is_stale(quote, around.at, limits):
        return ticket
    rules = around.rules
    tick = (default_instrument(ticket.symbol) if rules is None else rules).tick_size.value
    market = reference if quote is None else quote.price
    room = EXACT.multiply(collar, market.value)
    if ticket.side is Side.BUY:
        worst = floor_to(EXACT.add(market.value, room), tick)
    else:
        worst = EXACT.subtract(market.value, room)
        below = floor_to(worst, tick)
        worst = below if below == worst else EXACT.add(below, tick)
    # A market below one step has no room to protect in.
    return (
        replace(ticket, protective_limit=trusted_price(canonical(worst))) if worst > 0 else ticket
    )


def measure(
    ticket: Ticket,
    portfolio: Portfolio,
    reference: Price,
    limits: Limits,
    around: Circumstances = NOTHING_SPECIAL,
) -> Exposure:
    """Split the ticket into what closes and what opens, and price the worst case of the latter."""
    closable = portfolio.position_in(ticket.symbol).closable(ticket.side)
    closing = min(ticket.quantity, closable)
    opening = ticket.quantity - closing
    notional = reference.notional(opening, ticket.symbol)
    quote = ticket.symbol.quote
    gross, net = portfolio.invested(quote)
    return Exposure(
        ticket=ticket,
        portfolio=portfolio,
        limits=limits,
        reference=reference,
        closing=closing,
        opening_notional=notional,
        reserved=_worst_case(ticket, opening, notional, limits),
        around=around,
        equity=trusted_money(add(portfolio.cash_in(quote).whole, net), quote),
        at_work=add(portfolio.cash_in(quote).reserved.amount, notional.amount),
        gross=gross,
        net=net,
    )


def _worst_case(ticket: Ticket, opening: Quantity, notional: Money, limits: Limits) -> Money:
    if not notional:
        return notional
    if ticket.protective_limit is not None and ticket.side is Side.BUY:
        notional = max(notional, ticket.protective_limit.notional(opening, ticket.symbol))
    elif ticket.limit_price is None:  # the price is found in the market, and may be worse
        notional = notional.times(EXACT.add(1, limits.market_order_cushion))
    return notional + notional.times(limits.fee_fraction)


def _as_recorded(findings: Sequence[Finding]) -> tuple[Check, ...]:
    """Return the checks with the funds before the notional, as logs have had them from the start.

    A decision that is made again from an old log must come out with the same bytes.
    """
    checks = [finding.check for finding in findings]
    if len(checks) < _TWO or checks[0].code == _FUNDS:
        return tuple(checks)
    codes = [check.code for check in checks]
    if _FUNDS in codes and _NOTIONAL in codes:
        funds = checks.pop(codes.index(_FUNDS))
        checks.insert(codes.index(_NOTIONAL), funds)
    return tuple(checks)
