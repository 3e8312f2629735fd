"""Asked twice with one key, a wish is done once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.api.running import Json, Person, Server, an_order, answered, refused

MONEY = {"amount": "1", "currency": "USD"}


@pytest.fixture(scope="module")
def portfolio_id(ada: Person) -> str:
    return str(ada.open_portfolio()["portfolio_id"])


def _wishes(portfolio_id: str) -> Iterator[tuple[str, Json, Json]]:
    yield "/orders", an_order(portfolio_id), an_order(portfolio_id, quantity="11")
    yield f"/portfolios/{portfolio_id}/deposits", MONEY, {**MONEY, "amount": "2"}
    yield f"/portfolios/{portfolio_id}/withdrawals", MONEY, {**MONEY, "amount": "2"}
    yield "/portfolios", {"name": "one"}, {"name": "two"}


def test_the_same_key_and_body_give_the_same_answer_and_no_new_event(
    ada: Person, server: Server, portfolio_id: str
) -> None:
    for path, body, _ in _wishes(portfolio_id):
        first = answered(ada.post(path, body, key="same-1"), 201)
        after_first = server.events()
        again = [answered(ada.post(path, body, key="same-1"), 201) for _ in range(3)]
        assert again == [first] * 3
        assert server.events() == after_first


def test_the_answer_is_the_first_one_even_when_things_moved_on(
    ada: Person, portfolio_id: str
) -> None:
    first = ada.place(portfolio_id, key="same-2")
    ada.client.delete(f"/orders/{first['order_id']}")
    assert ada.place(portfolio_id, key="same-2") == first


def test_the_same_key_with_another_body_is_refused(
    ada: Person, server: Server, portfolio_id: str
) -> None:
    for path, body, other in _wishes(portfolio_id):
        answered(ada.post(path, body, key="same-3"), 201)
        before = server.events()
        refused(ada.post(path, other, key="same-3"), 422, "IDEMPOTENCY_KEY_REUSED")
        assert server.events() == before


def test_a_key_that_was_used_for_one_portfolio_is_used_up_for_another(
    ada: Person, portfolio_id: str
) -> None:
    other = ada.open_portfolio()["portfolio_id"]
    answered(ada.post(f"/portfolios/{portfolio_id}/deposits", MONEY, key="same-4"), 201)
    response = ada.post(f"/portfolios/{other}/deposits", MONEY, key="same-4")
    refused(response, 422, "IDEMPOTENCY_KEY_REUSED")


def test_the_key_of_another_user_is_another_key(
    ada: Person, eve: Person, portfolio_id: str
) -> None:
    ours = ada.place(portfolio_id, key="same-5")
    theirs = eve.place(eve.open_portfolio()["portfolio_id"], key="same-5")
    assert ours["order_id"] != theirs["order_id"]
    assert theirs["owner_id"] == eve.user_id


def test_one_key_serves_every_route(ada: Person, portfolio_id: str) -> None:
    for path, body, _ in _wishes(portfolio_id):
        answered(ada.post(path, body, key="same-6"), 201)


def test_a_wish_that_was_refused_may_be_made_again_with_its_key(
    ada: Person, portfolio_id: str
) -> None:
    path = f"/portfolios/{portfolio_id}/withdrawals"
    too_much = {"amount": "99999999", "currency": "USD"}
    refused(ada.post(path, too_much, key="same-7"), 422, "INSUFFICIENT_FUNDS")
    answered(ada.post(path, MONEY, key="same-7"), 201)


def test_of_many_equal_requests_at_once_one_is_done(
    ada: Person, server: Server, portfolio_id: str
) -> None:
    for round_ in range(3):
        before = server.events()
        key = f"storm-{round_}"
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _, key=key: ada.place(portfolio_id, key), range(64)))
        assert {each["order_id"] for each in answers} == {answers[0]["order_id"]}
        assert server.events() - before == 3  # placed, approved, and the money set aside
