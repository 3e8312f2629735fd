"""One budget for every process: exact, never spent twice, with something left for cancels."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.infrastructure.brokers.request_budget import RequestBudget

_SECOND = 1_000_000_000


class Watch:
    def __init__(self) -> None:
        self.ns = 10**15

    def __call__(self) -> int:
        return self.ns


def test_what_is_spent_flows_back_evenly(tmp_path: Path) -> None:
    watch = Watch()
    budget = RequestBudget(tmp_path / "budget", 60, now_ns=watch)
    assert budget.take(60) == 0
    assert budget.take(1) == pytest.approx(1.0)
    watch.ns += 5 * _SECOND
    assert budget.left() == 5
    assert budget.take(5) == 0
    assert budget.take(1) == pytest.approx(1.0)


def test_a_part_of_it_is_only_for_cancels(tmp_path: Path) -> None:
    budget = RequestBudget(tmp_path / "budget", 60, reserve=10, now_ns=Watch())
    assert budget.take(50) == 0
    assert budget.take(1) > 0
    assert budget.take(10, for_cancel=True) == 0
    assert budget.take(1, for_cancel=True) > 0


def test_the_exchange_may_know_of_more_than_we_spent(tmp_path: Path) -> None:
    budget = RequestBudget(tmp_path / "budget", 60, now_ns=Watch())
    budget.take(5)
    budget.spend(50)
    assert budget.left() == 10
    budget.spend(20)
    assert budget.left() == 10


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    watch = Watch()
    RequestBudget(tmp_path / "budget", 60, now_ns=watch).take(60)
    assert RequestBudget(tmp_path / "budget", 60, now_ns=watch).take(1) > 0


def test_a_machine_that_began_anew_waits_one_window_at_most(tmp_path: Path) -> None:
    watch = Watch()
    RequestBudget(tmp_path / "budget", 60, now_ns=watch).take(60)
    watch.ns = _SECOND
    budget = RequestBudget(tmp_path / "budget", 60, now_ns=watch)
    assert budget.take(60) == pytest.approx(60.0)
    watch.ns += 60 * _SECOND
    assert budget.take(60) == 0


def test_a_file_of_nonsense_is_a_fresh_budget(tmp_path: Path) -> None:
    (tmp_path / "budget").write_text("no number")
    assert RequestBudget(tmp_path / "budget", 60, now_ns=Watch()).left() == 60


@pytest.mark.parametrize("reserve", [-1, 60, 61])
def test_a_reserve_that_leaves_nothing_is_refused(tmp_path: Path, reserve: int) -> None:
    with pytest.raises(ValueError, match="reserve"):
        RequestBudget(tmp_path / "budget", 60, reserve=reserve)


@given(takes=st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.integers(0, 3)), max_size=60))
def test_no_window_spends_more_than_twice_the_budget_and_no_more_than_flowed_in(
    tmp_path_factory: pytest.TempPathFactory, takes: list[tuple[int, bool, int]]
) -> None:
    watch = Watch()
    began = watch.ns
    path = tmp_path_factory.mktemp("budgets") / "budget"
    budget = RequestBudget(path, 20, 10, reserve=4, now_ns=watch)
    spent = 0
    for weight, for_cancel, pause in takes:
        if budget.take(weight, for_cancel=for_cancel) == 0:
            spent += weight
        watch.ns += pause * _SECOND
        assert spent <= 20 + (watch.ns - began) * 2 / _SECOND


def test_threads_and_processes_never_spend_the_same_weight(tmp_path: Path) -> None:
    path = tmp_path / "budget"
    code = (
        "import sys; from pathlib import Path;"
        "from traderbot.infrastructure.brokers.request_budget import RequestBudget;"
        "b = RequestBudget(Path(sys.argv[1]), 100, 86400);"
        "print(sum(b.take() == 0 for _ in range(80)))"
    )
    others = [
        subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    budget = RequestBudget(path, 100, 86400)
    with ThreadPoolExecutor(4) as pool:
        mine = sum(pool.map(lambda _: budget.take() == 0, range(80)))
    theirs = sum(int(it.communicate(timeout=30)[0]) for it in others)
    assert mine + theirs == 100
