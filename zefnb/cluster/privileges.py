"""Privileges: the least ones of a user of the broker, as a command that an administrator gives to the broker."""

from __future__ import annotations

# All commands that the cluster sends, in the form of an access control list.
COMMANDS = (
    *("xadd", "xread", "xrevrange", "xtrim", "xlen", "xinfo|groups", "xgroup|create"),
    *("hset", "hgetall", "hdel", "get", "set", "del", "pexpire", "expire"),
    *("eval", "hmget", "hget", "hlen", "hincrby"),  # databases
    *("rpush", "lpop", "lrange", "llen", "memory|usage", "time", "info", "select"),
)


def least_privileges(name: str = "zefnb", user: str = "zefnb") -> str:
    """Return the command that gives `user` what the cluster `name` needs, and nothing else.

    >>> least_privileges().split()[:7]
    ['ACL', 'SETUSER', 'zefnb', 'reset', 'on', '>PASSWORD', '~zefnb:zefnb:*']
    """
    allowed = " ".join(f"+{command}" for command in COMMANDS)
    return f"ACL SETUSER {user} reset on >PASSWORD ~zefnb:{name}:* {allowed}"
