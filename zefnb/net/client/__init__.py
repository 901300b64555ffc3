"""Outward WebSocket clients: connecting, reconnecting, sending in order.

This package connects to servers of other programs. It does not depend on zefnb's own servers.
"""
