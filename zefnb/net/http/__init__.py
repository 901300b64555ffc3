"""The HTTP server: listeners, the gate, routes, requests and their responses.

This package holds all code from an accepted socket to a handler's response, or to the connection of `websocket/` that
an upgrade becomes.
"""
