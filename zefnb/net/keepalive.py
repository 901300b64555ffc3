"""Keeping connections alive: how often a peer is pinged, and how long its pong may take, either way."""

from __future__ import annotations

PING_INTERVAL = 20.0
PING_TIMEOUT = 20.0
