"""Values: entities, effects, patterns, ops, rules, time.

Here live what users build and compare, and the functions on them. Nothing here does I/O, starts a thread or imports
asyncio; the standard library is all that is imported.
"""
