"""Recordings: the messages of a server's clients or of topics, and the results of the handlers of these messages.

This package uses the topics and the network, which do not import it. Effects use its rows and outcomes, for example to
feed a recording to topics or to changed rules.
"""
