"""Whose signature a version has."""
