"""Bytes outside Git: hashing, DVC pointers and remotes, a shared cache, and verified transfer between them."""
