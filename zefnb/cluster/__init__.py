"""The cluster: topics that several processes share through a broker with the protocol of Redis.

It has the log of messages, its writer and its reader, the nodes, and the private broker. It uses the topics, the
network and the store, which do not import it. No file of it, and no code of Redis, is imported before a node joins.
"""
