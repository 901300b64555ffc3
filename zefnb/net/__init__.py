"""The network: servers, WebSocket connections and outward clients.

`http/` accepts connections and responds to requests, `websocket/` sends and receives messages, and `client/` connects
outward. This package holds the code that they share. `websocket/` does not import the other two.
"""
