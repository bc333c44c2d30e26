"""Repositories on servers: clone, fetch, push."""
