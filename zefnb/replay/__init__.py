"""Replays: the messages of a recording, a table or another source, published at their times or at a rate.

This package uses recordings and topics, which do not import it. It refers to no effect.
"""
