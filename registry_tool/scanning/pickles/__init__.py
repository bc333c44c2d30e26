"""Pickles: what they would import and call, found without loading them."""
