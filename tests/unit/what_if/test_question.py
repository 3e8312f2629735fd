"""The file that asks is read strictly, and each mistake is told by the key it is at."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.application.ports.what_if import BadQuestionError
from traderbot.domain.risk.limits import Limits
from traderbot.infrastructure.brokers.paper_venue import Costs
from traderbot.what_if.question import Terms, read_question

ORDER = "0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c"
TERMS = Terms(limits=Limits(), costs=Costs())


def test_everything_that_may_be_asked_is_read() -> None:
    question = read_question(
        json.dumps(
            {
                "from": 7,
                "change": {
                    "limits": {"order_notional_max": "5000", "market_order_cushion": "0"},
                    "fee_bps": "20",
                    "parameters": {"rsi_period": "10"},
                    "bot": ORDER,
                    "drop": [ORDER],
                },
                "in_force": {"limits": {"order_notional_fraction": "0.05"}, "slippage_bps": "1.5"},
            }
        )
    )
    assert (question.start, question.bot, question.drop) == (7, ORDER, (ORDER,))
    assert question.parameters == {"rsi_period": "10"}
    then = question.in_force.of(TERMS)
    assert then.limits.order_notional_fraction == Decimal("0.05")
    assert then.costs == Costs(slippage_bps=Decimal("1.5"))
    now = question.terms.of(then)
    assert now.limits == Limits(
        order_notional_max=Decimal(5000),
        order_notional_fraction=Decimal("0.05"),
        market_order_cushion=Decimal(0),
        fee_bps=Decimal(20),  # one fee, for the gate and the venue
    )
    assert now.costs == Costs(fee_bps=Decimal(20), slippage_bps=Decimal("1.5"))


def test_nothing_asked_is_nothing_changed() -> None:
    question = read_question("{}")
    assert question.start == 0
    assert question.terms.of(TERMS) == TERMS
    assert question.in_force.of(TERMS) == TERMS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is not JSON: "),
        ("[1]", "the file: an object with from, change, in_force, not [1]"),
        ("\ufeff{}", "the file is not JSON: "),
        ('{"from": 1, "from": 2}', "from: it stands there twice"),
        ('{"change": {"fee_bps": NaN}}', "NaN: it is no JSON"),
        ('{"form": 1}', "form: no such key; did you mean from? allowed are from, change, in_force"),
        ('{"from": -1}', "from: an index of the log, 0 or more, not -1"),
        ('{"from": 1.0}', "from: an index of the log, 0 or more, not 1.0"),
        ('{"from": "1"}', 'from: an index of the log, 0 or more, not "1"'),
        ('{"from": true}', "from: an index of the log, 0 or more, not true"),
        ('{"change": []}', "change: an object with limits, fee_bps, "),
        ('{"change": {"fee": "1"}}', "change.fee: no such key; did you mean fee_bps? allowed are "),
        ('{"change": {"fee_bps": 20}}', "change.fee_bps: a decimal number as text, from 0 to 1000"),
        ('{"change": {"fee_bps": 2.5}}', 'such as "20", not 2.5'),
        ('{"change": {"fee_bps": "-1"}}', "change.fee_bps: a decimal number as text, from 0 to"),
        ('{"change": {"fee_bps": "1001"}}', 'from 0 to 1000, such as "20", not "1001"'),
        ('{"change": {"slippage_bps": "1e2"}}', "change.slippage_bps: a decimal number as text"),
        ('{"change": {"limits": {"fee_bps": "1"}}}', "change.limits.fee_bps: no such key; "),
        ('{"change": {"limits": {"order_notional_max": 5e3}}}', "change.limits.order_notional_max"),
        ('{"change": {"limits": {"order_notional_max": null}}}', "not null"),
        ('{"change": {"parameters": {"period": 10}}}', "change.parameters.period: a text such as"),
        ('{"change": {"parameters": ["period"]}}', "change.parameters: an object of texts"),
        (f'{{"change": {{"bot": "{ORDER}"}}}}', "change.bot: it says whose `parameters` change"),
        ('{"change": {"bot": 1, "parameters": {"a": "b"}}}', "change.bot: not an id: 1"),
        ('{"change": {"drop": "all"}}', "change.drop: a list of ids of orders or commands"),
        ('{"change": {"drop": ["x"]}}', "change.drop[0]: not an id: 'x'"),
        (f'{{"change": {{"drop": ["{ORDER}", "{ORDER}"]}}}}', "change.drop[1]: "),
        ('{"in_force": {"parameters": {}}}', "in_force.parameters: no such key; allowed are "),
        ("[" * 100_000, "the file is not JSON: "),
        ('{"from": ' + "9" * 5_000 + "}", "the file cannot be read: "),
        ('"' + "x" * 1_000_000 + '"', "the file: at most 1000000 characters"),
    ],
    ids=range(31),
)
def test_a_mistake_is_told_by_its_key(text: str, said: str) -> None:
    with pytest.raises(BadQuestionError) as caught:
        read_question(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    max_leaves=8,
)
_KEYS = st.sampled_from(["from", "change", "in_force", "limits", "fee_bps", "drop", "bot"])


@given(st.dictionaries(_KEYS, _JSON | st.dictionaries(_KEYS, _JSON)))
def test_anything_else_is_a_mistake_and_nothing_worse(document: object) -> None:
    try:
        question = read_question(json.dumps(document))
    except BadQuestionError:
        return
    assert question.document == document
