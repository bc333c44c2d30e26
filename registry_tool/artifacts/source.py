"""What a fetch needs of the place it reads from."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from registry_tool.artifacts.hashing import Readable

__all__ = ["Ranged", "Source"]


class Source(Protocol):
    """Objects by md5; a ``Remote`` is one. All methods may be called from several threads.

    Every method raises RemoteTrouble when it cannot be reached or refuses, with the cause in words.
    """

    @property
    def name(self) -> str:
        """Its name in DVC's configuration."""

    @property
    def url(self) -> str:
        """Where it is, for messages: without credentials."""

    def download(self, md5: str, *, start: int = 0) -> AbstractContextManager[Readable]:
        """The object's bytes from an offset on, unverified; also from where DVC 2 put them.

        Raises:
            MissingObject: It is not there.
        """


@runtime_checkable
class Ranged(Protocol):
    """A source that gives parts of an object, several at a time faster than one after the other."""

    def piece(self, md5: str, start: int, stop: int) -> bytes | None:
        """The bytes from ``start`` to before ``stop``, fewer at the object's end; None where it gives no parts.

        Raises:
            MissingObject: The object is not there.
        """
