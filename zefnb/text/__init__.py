"""Text that people read: values, errors and text from peers, made short and safe to show.

Every text from outside is cut first and cleaned afterwards, so that the time does not grow with the text.
This package imports only the standard library; every other part of zefnb may use it.
"""
