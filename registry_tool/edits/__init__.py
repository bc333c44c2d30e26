"""Acts: what people do to a registry, as functions from a catalog and arguments to a change set.

An act never touches Git, the disk or a remote; ``publish`` checks its result and writes it.
"""
