"""A fuzz of the bytes that a peer can send: the server but for its sockets, held against a plain reading of the RFC."""
