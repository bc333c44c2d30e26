"""The names of branches with proposals: a start of the server needs them, and nothing else of the writer."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from registry_tool.writer.request import Person

__all__ = ["PROPOSALS", "branch_of_author", "split_proposal"]

PROPOSALS: Final = "serve/"
"""The folder of the branches with proposals."""

_NOT_IN_BRANCHES: Final = re.compile(r"[^A-Za-z0-9@._+-]+")
_LONGEST: Final = 100
# A comma is in no branch that is named after an address.
_NUMBERED: Final = ","
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}")


def branch_of_author(author: Person, number: int = 1) -> str:
    """The branch that the proposals of an author are on: ``serve/ada@example.org``.

    Args:
        author: The author; two addresses never share a branch.
        number: 2 and up for the branches after one that cannot be merged: ``serve/ada@example.org,2``.
    """
    name = re.sub(r"\.{2,}", ".", _NOT_IN_BRANCHES.sub("-", author.email))[:_LONGEST].strip(".-")
    name = name.removesuffix(".lock") or "unknown"
    if name != author.email:
        name += f"-{hashlib.sha256(author.email.encode(errors='surrogatepass')).hexdigest()[:8]}"
    return f"{PROPOSALS}{name}" + (f"{_NUMBERED}{number}" if number > 1 else "")


def split_proposal(branch: str) -> tuple[str, int]:
    """The first branch of the author of a proposal, and the number of the branch; see ``branch_of_author``."""
    first, _, number = branch.partition(_NUMBERED)
    return first, int(number) if _NUMBER.fullmatch(number) else 1
