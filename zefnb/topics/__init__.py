"""Topics: the hub, subscriptions and timers.

It determines which subscribers receive a message, and in which order. Nothing here may depend on sockets, or refer to
an effect by name.
"""
