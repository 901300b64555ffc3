"""The engine: one background event loop that performs effects.

It contains the loop's thread, `run`, actors with their mailboxes, the handler threads and the journal. Nothing here
may import or depend on sockets, topics or databases.
"""
