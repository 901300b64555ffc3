"""Text that people read: values, errors and what peers send, made short and safe to show.

Every text from outside is cut first and cleaned afterwards, so that the time this takes does not grow with
the text. Only the standard library is imported here: every other part of the package may use it.
"""
