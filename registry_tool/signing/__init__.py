"""SSH signatures over bytes: what one is, whether it holds, whose it is, and how one is made.

No private key is ever read here: ``ssh-keygen`` does that, or the agent it asks. It knows nothing of manifests.
"""
