"""Encrypted artifacts: plaintext goes through the encryption into the cache, and comes back into files without a name.

Nothing here writes plaintext under a name before all of it is verified; so nothing of it remains when something fails or
the process is killed.
"""
