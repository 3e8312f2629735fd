"""How much a result proves, given how often somebody looked before it was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from traderbot.infrastructure.compute.statistics.sample import Sample
from traderbot.infrastructure.compute.statistics.sharpe_evidence import (
    expected_best_sharpe,
    probabilistic_sharpe,
)
from traderbot.infrastructure.reports.report_input import Trials
from traderbot.infrastructure.reports.texts import grouped, percent

SIGNIFICANT = 0.95
_EVEN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the Sharpe ratio is worth. Ratios are for a year.

    Attributes:
        trials: how many; None if nobody counted.
        best_by_luck: the Sharpe ratio that the best of as many worthless trials is to have.
        deflated: how likely a true Sharpe ratio above 0 is after all trials; None if the trials
            were not counted, or the returns do not vary.
        deviation_given: whether the trials' own deviation was known; if not, that of worthless
            trials stands in, 1 / sqrt(bars - 1).
        verdict: one word for the colour: "holds", "open", "luck" or "unknown".
        sentences: the same for people.
    """

    trials: int | None
    best_by_luck: float | None
    deflated: float | None
    deviation_given: bool
    verdict: str
    sentences: tuple[str, ...]


def evidence_of(sample: Sample, trials: Trials | None) -> Evidence:
    """Return what the run proves after so many trials."""
    if trials is None:
        return _nobody_counted(sample)
    if sample.excess is None or sample.periods_per_year is None or sample.excess.size <= 1:
        return _unclear(trials)
    spread = trials.sharpe_deviation
    if spread is None:
        spread = 1.0 / sqrt(sample.excess.size - 1)
    best = expected_best_sharpe(trials.count, spread)
    deflated = probabilistic_sharpe(sample.excess, best)
    if deflated is None:
        return _unclear(trials)
    yearly = best * sqrt(sample.periods_per_year)
    return Evidence(
        trials=trials.count,
        best_by_luck=yearly,
        deflated=deflated,
        deviation_given=trials.sharpe_deviation is not None,
        verdict=_verdict(deflated),
        sentences=_sentences(trials, yearly, deflated),
    )


def _verdict(deflated: float) -> str:
    if deflated >= SIGNIFICANT:
        return "holds"
    return "open" if deflated >= _EVEN else "luck"


def _sentences(trials: Trials, yearly: float, deflated: float) -> tuple[str, ...]:
    chance = percent(deflated, 1)
    if trials.count == 1:
        tried = "One set of parameters was tried, and this is it."
    else:
        tried = (
            f"This is one of {trials.count:,} sets of parameters that were tried. The best of as "
            f"many worthless ones is to have a Sharpe ratio of {grouped(yearly, 2)} a year by luck "
            "alone."
        )
    match _verdict(deflated):
        case "holds":
            judged = f"The chance that there is more to it than luck is {chance}."
        case "open":
            judged = (
                f"The chance that there is more to it than luck is {chance}: below 95 %, so it is "
                "not proven."
            )
        case _:
            judged = f"Luck explains it: the chance that there is more to it is only {chance}."
    if trials.count > 1 and trials.sharpe_deviation is None:
        stood_in = "How far apart the trials lay was not kept; worthless trials stand in for them."
        return (tried, judged, stood_in)
    return (tried, judged)


def _nobody_counted(sample: Sample) -> Evidence:
    alone = None if sample.excess is None else probabilistic_sharpe(sample.excess)
    words = "Had it been the only one, a true Sharpe ratio above 0 would have a chance of"
    only = () if alone is None else (f"{words} {percent(alone, 1)}.",)
    return Evidence(
        trials=None,
        best_by_luck=None,
        deflated=None,
        deviation_given=False,
        verdict="unknown",
        sentences=(
            "Nobody counted how many sets of parameters were tried before this one.",
            "Every try makes a good result less surprising: this may be the best of very many.",
            *only,
        ),
    )


def _unclear(trials: Trials) -> Evidence:
    return Evidence(
        trials=trials.count,
        best_by_luck=None,
        deflated=None,
        deviation_given=trials.sharpe_deviation is not None,
        verdict="unknown",
        sentences=(
            f"Sets of parameters tried: {trials.count:,}.",
            "The equity hardly moved, or reached zero: a Sharpe ratio says nothing here.",
        ),
    )
