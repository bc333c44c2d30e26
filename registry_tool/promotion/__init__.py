"""Promotion: the stages of a registry, their gates, and whether a version passes them.

A gate reads files and commits of the repository and nothing else, so that every promotion can be asked for again from
its commit. The one exception, whether the bytes are on their remote, is asked through a function that the caller gives.
"""
