"""The encoding of values as bytes, for files and for other processes.

Bytes are checked before they are decoded, and decoding runs no code from them. Higher packages register the kinds of
their own values (see `kinds`).
"""
