"""Values: entities, effects, patterns, ops, rules, time.

It contains the values that users build and compare, and the functions on them. Nothing here does I/O, starts a thread
or imports asyncio. It imports only the standard library.
"""
