"""Keepalive: the seconds between pings and until their pongs, for servers and outward clients."""

from __future__ import annotations

PING_INTERVAL = 20.0
PING_TIMEOUT = 20.0
