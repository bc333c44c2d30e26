"""The cache of verified objects on this machine."""
