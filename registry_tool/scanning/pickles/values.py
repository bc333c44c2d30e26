"""What an unpickler holds, as far as it matters to a scan.

Short texts, whole numbers, truth values and None are Python's own; tuples and small dictionaries hold such values. What
else there is, is here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["MARK", "UNKNOWN", "Call", "Imported", "Nested", "Unknown", "without_depth"]


class Unknown:
    """Any other value, or one that was forgotten."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


UNKNOWN: Final = Unknown("UNKNOWN")
MARK: Final = Unknown("MARK")


class Imported(NamedTuple):
    """A name that is imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Nested(NamedTuple):
    """Bytes that a known name will load as another pickle."""

    data: bytes


class Call:
    """What a call gave.

    Attributes:
        function: What was called.
        arguments: With what: a tuple, or a value that is not known.
        state: What was set on it afterwards; a dictionary where all of it was one.
    """

    __slots__ = ("arguments", "function", "state")

    def __init__(self, function: object, arguments: object) -> None:
        self.function = function
        self.arguments = arguments
        self.state: object = None

    def build(self, state: object) -> None:
        """Set a state, over the one it has."""
        if isinstance(self.state, dict) and isinstance(state, dict):
            self.state = {**self.state, **state}
        elif self.state is None or not isinstance(self.state, dict):
            self.state = state
        else:
            self.state = UNKNOWN


def without_depth(value: object) -> object:
    """A value as it stands in a tuple or a dictionary: what is deeper in it is not kept, so that none grows without end."""
    if type(value) is tuple:  # an imported name is a tuple of its own kind
        return tuple([UNKNOWN if type(one) is tuple or type(one) is dict else one for one in value])
    return UNKNOWN if type(value) is dict else value
