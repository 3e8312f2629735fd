"""Changing orders and rebalancing at the command line."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.e2e.cli.conftest import Installation

_WEIGHTS = ("--target", "IBM=0.05")


def test_an_order_is_changed(installation: Installation) -> None:
    cli = installation
    cli.begin()
    order = cli("order", "place", "buy", "10", "IBM", "--limit-price", "150", "--json").json
    made = cli("order", "amend", order["order_id"], "--quantity", "5", "--limit-price", "149")
    assert (made.code, "amended" in made.out) == (0, True)
    shown = cli("order", "show", order["order_id"], "--json").json
    assert (shown["quantity"], shown["limit_price"]) == ("5", "149")
    refused = cli("order", "amend", order["order_id"], "--quantity", "5000", "--json")
    assert (refused.code, refused.json["outcome"]) == (1, "refused")
    nothing = cli("order", "amend", order["order_id"])
    assert "say what to change" in nothing.err


def test_an_order_is_found_by_its_own_name(installation: Installation) -> None:
    cli = installation
    cli.begin()
    wish = ("order", "place", "buy", "1", "IBM", "--limit-price", "150")
    order = cli(*wish, "--client-order-id", "monday-1", "--json").json
    assert cli("order", "show", "--client-order-id", "monday-1", "--json").json == order
    listed = cli("order", "list", "--client-order-id", "monday-1", "--json").json
    assert listed["items"] == [order]
    taken = cli(*wish, "--client-order-id", "monday-1")
    assert "has an order monday-1 already" in taken.err
    assert cli("order", "show", "--client-order-id", "tuesday").code == 1
    assert cli("order", "show").code == 2
    cli("portfolio", "create", "second", "--cash", "1000 USD")
    second = cli("portfolio", "list", "--json").json["items"][0]["portfolio_id"]
    cli(*wish, "--client-order-id", "monday-1", "--portfolio", second)
    assert "--portfolio ID" in cli("order", "show", "--client-order-id", "monday-1").err
    mine = cli("order", "show", "--client-order-id", "monday-1", "--portfolio", second, "--json")
    assert mine.json["portfolio_id"] == second


def test_a_plan_is_shown_and_carried_out(installation: Installation) -> None:
    cli = installation
    cli.begin()
    plan = cli("portfolio", "rebalance", *_WEIGHTS, "--json")
    assert (plan.code, plan.json["executed"]) == (0, False)
    assert cli("order", "list", "--json").json["items"] == []
    people = cli("portfolio", "rebalance", *_WEIGHTS)
    assert plan.json["digest"] in people.out
    other = cli("portfolio", "rebalance", "--target", "IBM=0.04", "--plan", plan.json["digest"])
    assert (other.code, "another one" in other.err) == (1, True)
    once = ("portfolio", "rebalance", *_WEIGHTS, "--plan", plan.json["digest"], "--key", "a")
    done = cli(*once, "--json")
    assert done.json["executed"]
    (order,) = cli("order", "list", "--json").json["items"]
    assert done.json["orders"][0]["order_id"] == order["order_id"]
    assert cli(*once, "--json").json == done.json


def test_execute_asks_nobody(installation: Installation) -> None:
    cli = installation
    cli.begin()
    done = cli("portfolio", "rebalance", *_WEIGHTS, "--execute", "--json")
    assert (done.code, done.json["executed"]) == (0, True)


@pytest.mark.parametrize(("typed", "orders"), [(b"yes\n", 1), (b"y\n", 0), (b"\x04", 0)])
def test_at_a_terminal_the_word_yes_places_the_orders(
    typed: bytes, orders: int, installation: Installation
) -> None:
    cli = installation
    cli.begin()
    code, said = _at_a_terminal(cli, typed, "portfolio", "rebalance", *_WEIGHTS)
    assert "Type yes to place these orders" in said
    assert code == 0, said
    assert len(cli("order", "list", "--json").json["items"]) == orders


def _at_a_terminal(cli: Installation, typed: bytes, *words: str) -> tuple[int, str]:
    """Run it on a terminal of its own, and type; return its exit code and what was on screen."""
    keyboard, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "traderbot", *words],
        cwd=cli.folder,
        env={**cli.environment(), "COLUMNS": "200"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        said = b""
        asked = False
        while True:
            try:
                said += os.read(keyboard, 4096)
            except OSError:  # how a terminal says that its last program is gone
                break
            if b"Type yes" in said and not asked:
                asked = True
                os.write(keyboard, typed)
        code = process.wait(timeout=60)
    os.close(keyboard)
    return code, said.decode(errors="replace")


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (("IBM",), "a target is SYMBOL=WEIGHT"),
        (("IBM=0.1", "IBM=0.2"), "has two targets"),
        (("IBM=lots",), "lots"),
        (("IBM=1.5",), "share from 0 to 1"),
    ],
)
def test_targets_that_make_no_plan_are_refused(
    targets: tuple[str, ...], said: str, installation: Installation
) -> None:
    cli = installation
    cli.begin()
    words = [word for target in targets for word in ("--target", target)]
    done = cli("portfolio", "rebalance", *words)
    assert (done.code in {1, 2}, said in done.err) == (True, True), done.err
