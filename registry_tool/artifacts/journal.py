"""What is known of the files of a folder whose manifest does not list them, kept while they are fetched.

Their sha256 and sizes are told by their bytes alone, so a fetch that goes on after a kill would have to read them all
again. Nothing here is believed: at the end all of it together must give the sha256 of the folder.
"""

from __future__ import annotations

import os
import re
from threading import Lock
from typing import Final

from registry_tool.artifacts.claims import Claim
from registry_tool.artifacts.hashing import Digest

__all__ = ["Journal"]

_LINE: Final = re.compile(r"([0-9a-f]{32}) ([0-9a-f]{64}) ([0-9]{1,18})")


class Journal:
    """The digests of files, by md5.

    Args:
        claim: The file it is kept in.
    """

    def __init__(self, claim: Claim) -> None:
        self._handle = claim.handle
        self._guard = Lock()
        lines = claim.path.read_bytes().decode("ascii", "replace").splitlines()
        found = (match for line in lines if (match := _LINE.fullmatch(line)))
        self._known = {m[1]: Digest(int(m[3]), m[1], m[2]) for m in found}
        self._size = sum(digest.size for digest in self._known.values())
        os.lseek(self._handle, 0, os.SEEK_END)
        if lines:
            os.write(self._handle, b"\n")  # a kill may have cut off the last line

    def __getitem__(self, md5: str) -> Digest:
        return self._known[md5]

    def get(self, md5: str) -> Digest | None:
        """What a file is, where it is known."""
        return self._known.get(md5)

    @property
    def size(self) -> int:
        """The bytes of all of them."""
        return self._size

    def add(self, digest: Digest) -> None:
        """Note what a file is."""
        with self._guard:
            if digest.md5 not in self._known:
                self._size += digest.size
            self._known[digest.md5] = digest
            os.write(self._handle, f"{digest.md5} {digest.sha256} {digest.size}\n".encode())
