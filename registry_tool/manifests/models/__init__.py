"""Manifests as frozen types, for programs."""
