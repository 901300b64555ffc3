"""Outward WebSocket clients: connecting, reconnecting, sending in order.

Here lives what talks to other people's servers. It knows nothing of our own.
"""
