"""The budget: exact at its edges, and one for the runtime."""

from __future__ import annotations

import pytest

from zefnb.engine.runtime import default_runtime
from zefnb.net.budget import Account, Budget


@pytest.mark.parametrize(("amount", "fits"), [(99, True), (100, True), (101, False)])
def test_an_account_takes_as_much_as_its_limit_and_no_byte_more(amount: int, fits: bool):
    account = Account(100)
    assert account.take(amount) is fits
    assert account.held == (amount if fits else 0)


def test_what_was_refused_is_not_held_and_what_is_released_can_be_taken_again():
    account = Account(10)
    assert account.take(6)
    assert not account.take(5)
    account.release(6)
    assert account.held == 0
    assert account.take(10)


def test_nothing_can_always_be_taken():
    account = Account(1)
    assert account.take(1)
    assert account.take(0)


def test_more_than_is_held_cannot_be_released():
    account = Account(10)
    account.take(3)
    with pytest.raises(ValueError, match="4 released, but 3 held"):
        account.release(4)
    assert account.held == 3


def test_all_servers_share_one_budget():
    runtime = default_runtime()
    assert runtime.service(Budget) is runtime.service(Budget)
