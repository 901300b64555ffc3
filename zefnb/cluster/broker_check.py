"""The broker check: whether a broker can be used, and its dangers."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.connection import BrokerLost, Commands, LoginRefused, ResponseError


class Checked(NamedTuple):
    """The program and the version if the broker can be used, else the problem; and the dangers."""

    version: str
    problem: str
    warnings: list[str]


async def check(url: BrokerUrl) -> Checked:
    """Connect to the broker of `url` and return its version, its problem and its dangers."""
    commands = Commands(url)
    try:
        await asyncio.get_running_loop().run_in_executor(None, url.prepare)
        facts = await _facts(commands, "server")
        warnings = [*url.warnings(), *await evicting(commands)]
    except (BrokerLost, ResponseError) as error:
        return Checked("", refusal(url, error), [])
    finally:
        await commands.close()
    if "valkey_version" in facts:
        return Checked(f"Valkey {facts['valkey_version']}", "", warnings)
    return Checked(f"Redis {facts.get('redis_version', '')}".strip(), "", warnings)


async def evicting(commands: Commands) -> list[str]:
    """Return a warning if the broker may evict the log when its memory is full."""
    try:
        policy = (await _facts(commands, "memory")).get("maxmemory_policy", "")
    except (BrokerLost, ResponseError):
        return []  # the user may not read it
    if policy in ("", "noeviction") or policy.startswith("volatile"):
        return []  # the log has no time to live
    return [f"the broker may evict the log ({policy}), and its messages are lost; set maxmemory-policy noeviction"]


async def _facts(commands: Commands, section: str) -> dict[str, str]:
    lines = (await commands.call("INFO", section)).decode("utf-8", "replace").splitlines()
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}


def refusal(url: BrokerUrl, error: Exception) -> str:
    """Return why a broker cannot be used. The text has no secret."""
    if isinstance(error, LoginRefused):
        return f"the broker {url} refuses the user or the password"
    if "NOPERM" in str(error) or "no permission" in str(error).lower():
        return f"the broker {url} does not allow its user what a cluster needs: {error}; see zefnb doctor"
    return f"the broker {url} cannot be used: {error}"
