"""Pages from parts: `ET.Page` as a document, its state on the server, and its connections.

This package depends on `websocket` only. `http` compiles the value of a route with it, and serves the result.
"""
