"""Promotion: the stages of a registry, their gates, and whether a version passes them.

A gate reads only files and commits of the repository, so that every promotion can be evaluated again from its commit. The
one exception, whether the remote has all objects, is a query that the caller supplies.
"""
