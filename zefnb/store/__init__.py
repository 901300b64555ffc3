"""Databases: a dictionary in memory or in an SQLite file.

Here live storing, reading back and checking of values. What is read from a file is looked over before it is decoded.
Nothing here knows of sockets, topics or effects by name.
"""
