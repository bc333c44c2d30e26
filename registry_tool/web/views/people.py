"""People as pages name them."""

from __future__ import annotations

__all__ = ["name_person"]


def name_person(person: str) -> str:
    """The name of ``Name <email>``: not everybody who reads a site should get addresses."""
    name = person.partition("<")[0].strip() or person.strip("<> ")
    return name if name.startswith("@") else name.partition("@")[0] or name
