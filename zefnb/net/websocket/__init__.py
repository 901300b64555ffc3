"""One WebSocket connection, and many: reading, writing, fan-out, slow clients.

Here lives everything between the bytes of RFC 6455 and a topic or an actor. Nothing here knows how a connection was
let in.
"""
