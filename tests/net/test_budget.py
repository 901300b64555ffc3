"""The budget: exact at its limit, and one for the runtime."""

from __future__ import annotations

import pytest

from zefnb.engine.runtime import default_runtime
from zefnb.net.budget import Account, Budget


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


def test_all_servers_share_one_budget():
    runtime = default_runtime()
    assert runtime.service(Budget) is runtime.service(Budget)
