"""One WebSocket connection, and many: reading, writing, fan-out, slow clients.

This package holds all code between the bytes of RFC 6455 and a topic or an actor. It does not depend on how a
connection was accepted.
"""
