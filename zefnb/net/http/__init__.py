"""The HTTP server: listeners, the gate, routes, requests and their answers.

Here lives everything from an accepted socket to a handler's answer, or to the connection of `websocket/` that an
upgrade becomes.
"""
