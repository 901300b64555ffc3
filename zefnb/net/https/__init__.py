"""Certificates of servers, and their private keys.

`certificates.py` reads the field `certificates=`, and imports what each of its forms needs.
"""
