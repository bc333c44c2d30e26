"""What an unpickler holds, as far as it matters: a stack, a memo, and the names that it imported.

Texts, whole numbers, tuples, dictionaries with texts for keys, imported names and calls are kept as they are; anything
else is only known to be there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from registry_tool.scanning.stream import Malformed

__all__ = ["MARK", "UNKNOWN", "Call", "Imported", "Machine", "Unknown", "Value"]


class Unknown:
    """Any value that does not matter."""


UNKNOWN: Final = Unknown()
MARK: Final = Unknown()
Value = object


class Imported(NamedTuple):
    """A name that is imported."""

    module: str
    name: str


class Call:
    """What came out of a call.

    Attributes:
        function: What was called.
        arguments: With what.
        state: What was set on it afterwards; a dictionary where all of it was one.
    """

    __slots__ = ("arguments", "function", "state")

    def __init__(self, function: object, arguments: object) -> None:
        self.function = function
        self.arguments = arguments
        self.state: object = None

    def build(self, state: object) -> None:
        """Set a state, over the one that is there."""
        if isinstance(self.state, dict) and isinstance(state, dict):
            self.state = {**self.state, **state}
        elif self.state is None or not isinstance(self.state, dict):
            self.state = state
        else:
            self.state = UNKNOWN


class Machine:
    """The unpickler's stack and memo, and what it was told to import.

    Attributes:
        names: What is imported, in order, each once.
        computed: True where a name was no text that stands in the pickle.
        extensions: True where names come from the registry of extensions of the process that loads it.
        built: What the last instruction set a state on; None where it did something else.
    """

    def __init__(self) -> None:
        self.names: dict[Imported, None] = {}
        self.computed = False
        self.extensions = False
        self.built: Call | None = None
        self._stack: list[Value] = []
        self._memo: dict[int, Value] = {}

    def pop(self) -> Value:
        """The topmost value."""
        if not self._stack:
            raise Malformed("its stack is empty too early")
        return self._stack.pop()

    def push(self, value: Value) -> None:
        """Put a value on top."""
        self._stack.append(value)

    def top(self) -> Value:
        """The topmost value, which stays."""
        if not self._stack:
            raise Malformed("its stack is empty too early")
        return self._stack[-1]

    def replace_top(self) -> None:
        """Let the topmost value be one that does not matter."""
        self.pop()
        self.push(UNKNOWN)

    def to_mark(self) -> list[Value]:
        """The values down to the last mark, which goes too."""
        for at in range(len(self._stack) - 1, -1, -1):
            if self._stack[at] is MARK:
                found = self._stack[at + 1 :]
                del self._stack[at:]
                return found
        raise Malformed("it has no mark where it needs one")

    def remember(self, key: int | None = None) -> None:
        """Put the topmost value into the memo."""
        self._memo[len(self._memo) if key is None else key] = self.top()

    def recall(self, key: int) -> None:
        """Take a value from the memo."""
        if key not in self._memo:
            raise Malformed("it asks for what it never kept")
        self.push(self._memo[key])

    def imported(self, module: Value, name: Value) -> Imported | Unknown:
        """A name; where it is not known, that is noted."""
        if not isinstance(module, str) or not isinstance(name, str):
            self.computed = True
            return UNKNOWN
        found = Imported(module, name)
        self.names.setdefault(found)
        return found
