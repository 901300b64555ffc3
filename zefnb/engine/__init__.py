"""The engine: one background event loop that performs effects.

Here live the loop's thread, `run`, actors with their mailboxes, the threads for handlers, and the journal. Nothing
here knows of sockets, topics or databases.
"""
