"""The gate: the one place between every source of orders and every venue."""

from __future__ import annotations

from collections.abc import Sequence

from traderbot.domain.orders.ticket import Approved, OrderKind, Refused, Ticket, Verdict
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.policies import POLICIES, Exposure, RiskPolicy
from traderbot.domain.shared.decimals import EXACT
from traderbot.domain.shared.values import Money, Price


def review(
    ticket: Ticket,
    portfolio: Portfolio,
    reference: Price,
    limits: Limits,
    policies: Sequence[RiskPolicy] = POLICIES,
) -> Verdict:
    """Ask every policy about the ticket; one no is enough, and all of them are named.

    `reference` is the price the notional is measured with: the limit price of a limit order, the
    last known close for a market order.
    """
    exposure = measure(ticket, portfolio, reference, limits)
    findings = [policy(exposure) for policy in policies]
    refused = tuple(finding.check for finding in findings if not finding.passed)
    if refused:
        return Refused(ticket=ticket, reasons=refused)
    return Approved(
        ticket=ticket,
        reserved=exposure.reserved,
        closing=exposure.closing,
        reference=reference,
        checks=tuple(finding.check for finding in findings),
    )


def measure(ticket: Ticket, portfolio: Portfolio, reference: Price, limits: Limits) -> Exposure:
    """Split the ticket into what closes and what opens, and price the worst case of the latter."""
    closable = portfolio.position_in(ticket.symbol).closable(ticket.side)
    closing = min(ticket.quantity, closable)
    opening = ticket.quantity - closing
    notional = reference.notional(opening, ticket.symbol)
    return Exposure(
        ticket=ticket,
        portfolio=portfolio,
        limits=limits,
        reference=reference,
        closing=closing,
        opening_notional=notional,
        reserved=_worst_case(ticket, notional, limits),
    )


def _worst_case(ticket: Ticket, notional: Money, limits: Limits) -> Money:
    if not notional:
        return notional
    if ticket.kind is OrderKind.MARKET:
        notional = notional.times(EXACT.add(1, limits.market_order_cushion))
    return notional + notional.times(limits.fee_fraction)
