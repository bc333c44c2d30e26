"""Files in the format of age, https://age-encryption.org/v1: what their header says, and how they are made and opened.

It knows nothing of manifests. ``header`` reads without any package; all else goes through ``pyrage``.
"""
