"""Rehearsals: the messages of a recording, handled again by other rules, without performing any effect.

It is above the recordings, which it reads, and below the effects. It shows nothing; the display is in the notebook.
"""
