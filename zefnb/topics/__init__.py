"""Topics: the hub, subscriptions and timers.

Here lives who gets what, and in which order. Nothing here knows of sockets or of effects by name.
"""
