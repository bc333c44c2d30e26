"""Encrypted versions, in the age format (https://age-encryption.org/v1): packing, encrypting, decrypting, keys."""
