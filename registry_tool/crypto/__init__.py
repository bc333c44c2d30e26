"""Signatures over bytes: what one is, whether it holds, whose it is, and how one is made.

By SSH no private key is ever read here: ``ssh-keygen`` does that, or the agent it asks. Model Signing reads one from a
file in PEM form. It knows nothing of manifests.
"""
