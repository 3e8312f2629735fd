"""Users, portfolios and orders by the command line, on a database in memory."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from tests.unit.presentation.cli.fakes import Outcome, Terminal

_PASSWORD = "a few words in a row"
MISSING = "0192f0c1-0000-7000-8000-0000000000ff"


@pytest.fixture
def add_user(desk_cli: Terminal, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    def add(email: str, *words: str, password: str = _PASSWORD) -> Outcome:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        return desk_cli("user", "add", email, "--password-stdin", "--json", *words)

    return add


@pytest.fixture
def trader(desk_cli: Terminal, add_user: Callable[..., Outcome]) -> Terminal:
    """A command line with one user and one portfolio of 100 000 USD."""
    assert add_user("ada@example.com").code == 0
    assert desk_cli("portfolio", "create", "main", "--cash", "100000 USD").code == 0
    return desk_cli


def test_a_user_is_added_listed_and_deactivated(
    desk_cli: Terminal, add_user: Callable[..., Outcome]
) -> None:
    added = add_user("Ada@Example.com", "--role", "auditor").json
    assert (added["email"], added["role"], added["active"]) == ("ada@example.com", "auditor", True)
    assert desk_cli("user", "list", "--json").json == {"items": [added], "next_cursor": None}
    gone = desk_cli("user", "deactivate", "ada@example.com", "--reason", "left", "--json")
    assert gone.json == {**added, "active": False}
    assert desk_cli("user", "list", "--active", "--json").json["items"] == []
    assert len(desk_cli("user", "list", "--inactive", "--json").json["items"]) == 1


def test_what_cannot_be_a_user_is_refused(
    desk_cli: Terminal, add_user: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert add_user("nobody").code == 2
    assert add_user("a@example.com", password="short").json["error"]["code"] == "WEAK_PASSWORD"
    assert add_user("a@example.com").code == 0
    assert add_user("A@example.com").json["error"]["code"] == "EMAIL_TAKEN"
    monkeypatch.setattr("sys.stdin", io.StringIO())
    asked = desk_cli("user", "add", "b@example.com")
    assert asked.code == 2
    assert "--password-stdin" in asked.err


def test_at_a_terminal_the_password_is_asked_for_twice(
    desk_cli: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([_PASSWORD, "another one entirely", _PASSWORD, _PASSWORD])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(answers))
    assert desk_cli("user", "add", "a@example.com").code == 2
    assert desk_cli("user", "add", "a@example.com").code == 0


def test_an_order_is_placed_listed_shown_and_canceled(trader: Terminal) -> None:
    placed = trader("order", "place", "buy", "10", "IBM", "--limit-price", "150.25", "--json")
    assert placed.code == 0
    order = placed.json
    assert (order["status"], order["quantity"], order["limit_price"]) == (
        "approved",
        "10",
        "150.25",
    )
    assert trader("order", "list", "--json").json == {"items": [order], "next_cursor": None}
    assert trader("order", "list", "--status", "filled", "--json").json["items"] == []
    assert trader("order", "show", order["order_id"].upper(), "--json").json == order
    canceled = trader("order", "cancel", order["order_id"], "--json")
    assert (canceled.code, canceled.json["status"]) == (0, "canceled")
    shown = trader("order", "show", order["order_id"])
    assert "canceled" in shown.out
    assert "buy 10 IBM at 150.25 USD" in shown.out


def test_a_refused_order_says_why_and_the_answer_is_no(trader: Terminal) -> None:
    refused = trader("order", "place", "buy", "1000", "IBM", "--limit-price", "100")
    assert refused.code == 1
    assert "refused because of" in refused.out
    listed = trader("order", "list", "--status", "refused", "--json").json["items"]
    assert [reason["code"] for reason in listed[0]["reasons"]] != []


def test_the_same_key_places_once(trader: Terminal) -> None:
    words = ("order", "place", "buy", "1", "IBM", "--limit-price", "9", "--json", "--key", "monday")
    assert trader(*words).json == trader(*words).json
    other = trader(
        "order", "place", "buy", "2", "IBM", "--limit-price", "9", "--json", "--key", "monday"
    )
    assert (other.code, other.json["error"]["code"]) == (1, "IDEMPOTENCY_KEY_REUSED")
    # The key belongs to the wish: a deposit may have one of the same name.
    assert trader("portfolio", "deposit", "1", "USD", "--key", "monday").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("place", "buy", "ten", "IBM"),
        ("place", "buy", "0", "IBM"),
        ("place", "buy", "10", "no symbol"),
        ("place", "buy", "10", "IBM", "--limit-price", "1e3"),
        ("place", "hold", "10", "IBM"),
        ("place", "buy", "10", "IBM", "--portfolio", "main"),
        ("cancel", "7"),
        ("show", "7"),
        ("list", "--limit", "201"),
        ("list", "--status", "lost"),
        ("list", "--cursor", "?"),
    ],
    ids=" ".join,
)
def test_senseless_words_could_not_run(trader: Terminal, words: tuple[str, ...]) -> None:
    told = trader("order", *words, "--json")
    assert told.code == 2
    assert told.json["success"] is False


@pytest.mark.parametrize(
    "words",
    [
        ("order", "show", MISSING),
        ("order", "cancel", MISSING),
        ("portfolio", "show", MISSING),
        ("portfolio", "deposit", "1", "USD", "--portfolio", MISSING),
        ("order", "list", "--user", "stranger@example.com"),
        ("user", "deactivate", "stranger@example.com"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_a_no(trader: Terminal, words: tuple[str, ...]) -> None:
    told = trader(*words, "--json")
    assert (told.code, told.json["error"]["code"]) == (1, "NOT_FOUND")


def test_money_comes_in_and_goes_out(trader: Terminal) -> None:
    assert trader("portfolio", "deposit", "0.5", "USD").code == 0
    after = trader("portfolio", "withdraw", "100", "USD", "--json").json
    assert after["balances"][0]["free"] == "99900.5"
    assert trader("portfolio", "show", "--json").json == after
    assert trader("portfolio", "list", "--json").json["items"] == [after]
    assert "99900.5 USD" in trader("portfolio", "list").out
    shown = trader("portfolio", "show").out
    assert "no positions" in shown
    too_much = trader("portfolio", "withdraw", "100000", "USD", "--json")
    assert (too_much.code, too_much.json["error"]["code"]) == (1, "INSUFFICIENT_FUNDS")
    assert trader("portfolio", "deposit", "0", "USD").code == 2


def test_without_a_user_or_a_portfolio_the_next_step_is_named(
    desk_cli: Terminal, add_user: Callable[..., Outcome]
) -> None:
    words = ("order", "place", "buy", "1", "IBM", "--limit-price", "9")
    assert "traderbot user add" in desk_cli(*words).err
    add_user("ada@example.com")
    assert "traderbot portfolio create" in desk_cli(*words).err


def test_several_users_or_portfolios_have_to_be_named(
    trader: Terminal, add_user: Callable[..., Outcome]
) -> None:
    second = trader("portfolio", "create", "second", "--cash", "50000 USD", "--json").json
    words = ("order", "place", "buy", "1", "IBM", "--limit-price", "9", "--json")
    assert "--portfolio" in trader(*words).err
    assert trader(*words, "--portfolio", second["portfolio_id"]).code == 0
    add_user("bob@example.com")
    unnamed = trader(*words)
    assert (unnamed.code, unnamed.json["error"]["code"]) == (2, "USAGE")
    assert "--user" in unnamed.err
    named = trader(*words, "--portfolio", second["portfolio_id"], "--user", "ADA@example.com")
    assert named.code == 0
    # Others' portfolios are as missing as absent ones.
    taken = trader(*words, "--portfolio", second["portfolio_id"], "--user", "bob@example.com")
    assert taken.json["error"]["code"] == "NOT_FOUND"


def test_a_question_is_about_everybody_unless_somebody_is_named(
    trader: Terminal, add_user: Callable[..., Outcome]
) -> None:
    add_user("bob@example.com")
    trader("portfolio", "create", "his", "--user", "bob@example.com")
    assert len(trader("portfolio", "list", "--json").json["items"]) == 2
    his = trader("portfolio", "list", "--json", "--user", "bob@example.com").json["items"]
    assert [each["name"] for each in his] == ["his"]
    order = trader(
        "order",
        "place",
        "buy",
        "1",
        "IBM",
        "--limit-price",
        "9",
        "--user",
        "ada@example.com",
        "--json",
    ).json
    assert trader("order", "show", order["order_id"]).code == 0
    assert trader("order", "show", order["order_id"], "--user", "bob@example.com").code == 1


def test_pages_follow_each_other(trader: Terminal) -> None:
    for price in ("7", "8", "9"):
        trader("order", "place", "buy", "1", "IBM", "--limit-price", price)
    first = trader("order", "list", "--limit", "2", "--json").json
    cursor = first["next_cursor"]
    assert f"--cursor {cursor}" in trader("order", "list", "--limit", "2").out
    second = trader("order", "list", "--limit", "2", "--cursor", cursor, "--json").json
    prices = [each["limit_price"] for each in first["items"] + second["items"]]
    assert (prices, second["next_cursor"]) == (["9", "8", "7"], None)


def test_the_log_names_the_operator_and_the_door(
    trader: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    trader("order", "place", "buy", "1", "IBM", "--limit-price", "9")
    actor = trader.doors.origins[-1].actor
    assert (actor.type, actor.id, actor.via) == ("operator", "root", "cli")


def test_an_operator_without_a_name_is_unknown(
    trader: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    trader("portfolio", "deposit", "1", "USD")
    assert trader.doors.origins[-1].actor.id == "unknown"
