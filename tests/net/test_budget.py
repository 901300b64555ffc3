"""The budget: exact at its limit, and one for the runtime."""

from __future__ import annotations

import pytest

from zefnb.engine.runtime import default_runtime
from zefnb.net.budget import Account, Budget, Share


@pytest.mark.parametrize(("amount", "fits"), [(99, True), (100, True), (101, False)])
def test_an_account_accepts_bytes_up_to_its_limit(amount: int, fits: bool):
    account = Account(100)
    assert account.take(amount) is fits
    assert account.held == (amount if fits else 0)


def test_refused_bytes_do_not_count_and_released_bytes_can_be_used_again():
    account = Account(10)
    assert account.take(6)
    assert not account.take(5)
    account.release(6)
    assert account.held == 0
    assert account.take(10)


def test_zero_bytes_are_always_accepted():
    account = Account(1)
    assert account.take(1)
    assert account.take(0)


def test_releasing_more_than_an_account_has_raises():
    account = Account(10)
    account.take(3)
    with pytest.raises(ValueError, match="4 released, but 3 held"):
        account.release(4)
    assert account.held == 3


@pytest.mark.parametrize(("held", "is_scarce"), [(25, False), (26, True)])
def test_an_account_is_scarce_when_more_than_a_quarter_is_held(held: int, is_scarce: bool):
    account = Account(100)
    account.take(held)
    assert account.is_scarce() is is_scarce


def test_a_share_settles_on_more_or_less_and_a_refused_amount_changes_nothing():
    account = Account(10)
    other, share = Share(account), Share(account)
    assert other.take(4)
    assert (share.settle(6), share.amount, account.held) == (True, 6, 10)
    assert (share.settle(7), share.amount, account.held) == (False, 6, 10)
    assert (share.settle(6), share.amount, account.held) == (True, 6, 10)
    assert (share.settle(2), share.amount, account.held) == (True, 2, 6)
    assert (share.take(5), share.amount, account.held) == (False, 2, 6)
    assert (share.take(4), share.amount, account.held) == (True, 6, 10)
    share.release()
    share.release()
    assert (share.amount, account.held) == (0, 4)
    with other:
        other.settle(5)
    assert account.held == 0


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_limit_of_bodies_is_six_times_the_longest_body_if_that_is_more(more: int):
    budget = default_runtime().service(Budget)
    limit = budget.bodies.limit
    budget.make_room_for_body(limit // 6 + more)
    assert budget.bodies.limit == (limit if more <= 0 else 6 * (limit // 6 + 1))


def test_all_servers_share_one_budget():
    runtime = default_runtime()
    assert runtime.service(Budget) is runtime.service(Budget)
