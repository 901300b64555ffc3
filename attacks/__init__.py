"""Attacks: real servers, attacked from another process. `python -m attacks --help`."""
