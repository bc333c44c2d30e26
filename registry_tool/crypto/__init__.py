"""Cryptographic formats, without knowledge of manifests: SSH signatures, Model Signing bundles, and age.

This program never reads a private SSH key: ``ssh-keygen`` does, or the agent it uses. Model Signing reads one from a PEM file.
"""
