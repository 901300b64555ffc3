"""Databases: a dictionary in memory or in an SQLite file.

It stores, reads and checks values. Bytes from a file are checked before they are decoded. Nothing here may depend on
sockets or topics, or refer to an effect by name.
"""
