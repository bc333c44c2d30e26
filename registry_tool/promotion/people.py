"""Who somebody is: the address in ``Name <address>``, whatever its case."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["address_of", "is_person", "person_of"]

_ADDRESS: Final = re.compile(r"<([^<>]*)>\s*\Z")


def address_of(said: str) -> str:
    """The address as it is written: what stands in angle brackets at the end, else all of it."""
    match = _ADDRESS.search(said)
    return (match[1] if match else said).strip()


def person_of(said: str) -> str:
    """What two spellings of one person share; empty where nobody is named."""
    return address_of(said).casefold()


def is_person(said: str) -> bool:
    """True for what can name one person: no pattern, as a line of ``allowed_signers`` may have."""
    address = address_of(said)
    return bool(address) and not address.startswith("!") and not {"*", "?"} & set(address)
