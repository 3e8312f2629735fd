"""The gate: the one place between every source of orders and every venue."""

from __future__ import annotations

from collections.abc import Sequence

from traderbot.domain.orders.ticket import Approved, Check, Refused, Ticket, Verdict
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
from traderbot.domain.shared.decimals import EXACT
from traderbot.domain.shared.values import Money, Price

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
    exposure = measure(ticket, portfolio, reference, limits, around)
    findings = [found for policy in policies if (found := policy(exposure)) is not None]
    refused = [finding for finding in findings if not finding.passed]
    if refused:
        return Refused(
            ticket=ticket, reasons=_as_recorded(refused), limits_version=around.limits_version
        )
    return Approved(
        ticket=ticket,
        reserved=exposure.reserved,
        closing=exposure.closing,
        reference=reference,
        checks=_as_recorded(findings),
        limits_version=around.limits_version,
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
    return Exposure(
        ticket=ticket,
        portfolio=portfolio,
        limits=limits,
        reference=reference,
        closing=closing,
        opening_notional=notional,
        reserved=_worst_case(ticket, notional, limits),
        around=around,
        equity=portfolio.equity_at_cost(ticket.symbol.quote),
    )


def _worst_case(ticket: Ticket, notional: Money, limits: Limits) -> Money:
    if not notional:
        return notional
    if ticket.limit_price is None:  # the price is found in the market, and may be worse
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
