"""Fuzzing with the bytes of a peer: the server without its sockets, compared with a simple reading of the RFC."""
