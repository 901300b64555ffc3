"""The network: servers, WebSocket connections and outward clients.

`http/` takes connections in and answers requests, `websocket/` carries messages, `client/` connects outward. What they
share lives here. `websocket/` knows neither of the others.
"""
