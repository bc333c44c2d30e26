"""Pickles, walked instruction by instruction: nothing is imported, nothing is called.

A stack machine follows what the unpickler's would hold, as far as it matters: texts, whole numbers, tuples, imported
names, and what was called. So a name that is put together from pieces, or fetched from the memo, is seen as it is. Where
a pickle cannot be followed any further, that is told: the unpickler may read on.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from registry_tool.artifacts.scanning.report import Budget, Spent
from registry_tool.artifacts.scanning.stream import Malformed, Stream

__all__ = ["Call", "Imported", "Machine", "Walked", "walk"]

# A longer text is no name; the memory that a large pickle takes here stays small.
_NAME: Final = 256


class _Unknown:
    """Any value that does not matter."""


_UNKNOWN: Final = _Unknown()
_MARK: Final = _Unknown()
_Value = object


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
            self.state = _UNKNOWN


class Machine:
    """The unpickler's stack and memo, and what it was told to import.

    Attributes:
        names: What is imported, in order, each once.
        computed: True where a name was no text that stands in the pickle.
        extensions: True where names come from the registry of extensions of the process that loads it.
        built: What the last instruction set a state on; None where it did something else.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.names: dict[Imported, None] = {}
        self.computed = False
        self.extensions = False
        self.built: Call | None = None
        self._stack: list[_Value] = []
        self._memo: dict[int, _Value] = {}

    def pop(self) -> _Value:
        """The topmost value."""
        if not self._stack:
            raise Malformed("its stack is empty too early")
        return self._stack.pop()

    def push(self, value: _Value) -> None:
        """Put a value on top."""
        self._stack.append(value)

    def top(self) -> _Value:
        """The topmost value, which stays."""
        if not self._stack:
            raise Malformed("its stack is empty too early")
        return self._stack[-1]

    def replace_top(self) -> None:
        """Let the topmost value be one that does not matter."""
        self.pop()
        self.push(_UNKNOWN)

    def to_mark(self) -> list[_Value]:
        """The values down to the last mark, which goes too."""
        for at in range(len(self._stack) - 1, -1, -1):
            if self._stack[at] is _MARK:
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

    def imported(self, module: _Value, name: _Value) -> Imported | _Unknown:
        """A name; where it is not known, that is noted."""
        if not isinstance(module, str) or not isinstance(name, str):
            self.computed = True
            return _UNKNOWN
        found = Imported(module, name)
        self.names.setdefault(found)
        return found

    def step(self, opcode: Any, argument: Any) -> None:
        """Follow one instruction."""
        self.built = None
        special = _SPECIAL.get(opcode.name)
        if special is not None:
            special(self, argument)
        elif opcode.name in _CONSTANTS:
            self.push(self._constant(argument))
        else:
            self._other(opcode)

    def _constant(self, argument: Any) -> _Value:
        if isinstance(argument, str) and len(argument) <= _NAME:
            self._budget.spend("text", len(argument))
            return argument
        return argument if isinstance(argument, int) else _UNKNOWN

    def _other(self, opcode: Any) -> None:
        """An instruction whose values do not matter: only how many come and go."""
        before = [one.name for one in opcode.stack_before]
        if "mark" in before:
            self.to_mark()
            before = before[: before.index("mark")]
        for _ in before:
            self.pop()
        for one in opcode.stack_after:
            self.push(_MARK if one.name == "mark" else _UNKNOWN)


def _pair(machine: Machine, argument: str) -> Imported | _Unknown:
    module, _, name = argument.partition(" ")
    return machine.imported(module, name)


def _stack_global(machine: Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    machine.push(machine.imported(module, name))


def _inst(machine: Machine, argument: str) -> None:
    arguments = tuple(machine.to_mark())
    machine.push(Call(_pair(machine, argument), arguments))


def _obj(machine: Machine, _: Any) -> None:
    values = machine.to_mark()
    if not values:
        raise Malformed("it makes an object of nothing")
    machine.push(Call(values[0], tuple(values[1:])))


def _call(machine: Machine, _: Any) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.push(Call(function, arguments))


def _call_with_names(machine: Machine, _: Any) -> None:
    machine.pop()
    _call(machine, None)


def _build(machine: Machine, _: Any) -> None:
    state, made = machine.pop(), machine.top()
    if isinstance(made, Call):
        made.build(state)
        machine.built = made


def _extension(machine: Machine, _: Any) -> None:
    machine.extensions = True
    machine.push(_UNKNOWN)


def _pop(machine: Machine, _: Any) -> None:
    machine.pop()


def _pop_mark(machine: Machine, _: Any) -> None:
    machine.to_mark()


def _tuple(size: int) -> Callable[[Machine, Any], None]:
    def act(machine: Machine, _: Any) -> None:
        machine.push(tuple([machine.pop() for _ in range(size)][::-1]))

    return act


def _items(machine: Machine, _: Any) -> None:
    values = machine.to_mark()
    _keep(machine.top(), values)


def _item(machine: Machine, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    _keep(machine.top(), [key, value])


def _keep(target: _Value, values: list[_Value]) -> None:
    if isinstance(target, dict):
        pairs = zip(values[::2], values[1::2], strict=False)
        target.update({key: value for key, value in pairs if isinstance(key, str)})


def _dict(machine: Machine, _: Any) -> None:
    made: dict[str, _Value] = {}
    _keep(made, machine.to_mark())
    machine.push(made)


_CONSTANTS: Final = frozenset(
    {
        "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING", "INT",
        "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4",
    }
)  # fmt: skip
_SPECIAL: Final[Mapping[str, Callable[[Machine, Any], None]]] = MappingProxyType(
    {
        "GLOBAL": lambda m, a: m.push(_pair(m, a)),
        "STACK_GLOBAL": _stack_global,
        "INST": _inst,
        "OBJ": _obj,
        "REDUCE": _call,
        "NEWOBJ": _call,
        "NEWOBJ_EX": _call_with_names,
        "BUILD": _build,
        "EXT1": _extension,
        "EXT2": _extension,
        "EXT4": _extension,
        "MARK": lambda m, _: m.push(_MARK),
        "POP": _pop,
        "POP_MARK": _pop_mark,
        "DUP": lambda m, _: m.push(m.top()),
        "MEMOIZE": lambda m, _: m.remember(),
        **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), Machine.remember),
        **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), Machine.recall),
        "EMPTY_TUPLE": _tuple(0),
        "TUPLE1": _tuple(1),
        "TUPLE2": _tuple(2),
        "TUPLE3": _tuple(3),
        "TUPLE": lambda m, _: m.push(tuple(m.to_mark())),
        "EMPTY_DICT": lambda m, _: m.push({}),
        "DICT": _dict,
        "SETITEM": _item,
        "SETITEMS": _items,
    }
)


class Walked(NamedTuple):
    """What a pickle would do.

    Attributes:
        names: What it imports.
        computed: True where it computes a name.
        extensions: True where names come from elsewhere.
        protocol: The highest that it asks for.
        opcodes: How many instructions were followed.
        trouble: Why it could not be followed to its end; empty where it could.
    """

    names: tuple[Imported, ...]
    computed: bool
    extensions: bool
    protocol: int
    opcodes: int
    trouble: str


Beside = Callable[[Stream, Machine], Iterator["Walked"]]


def walk(stream: Stream, budget: Budget, beside: Beside | None = None) -> Walked:
    """Follow one pickle to its end; it never raises for what is in the file.

    Args:
        stream: The file, where the pickle begins. It stands behind the pickle afterwards, if there is no trouble.
        budget: Instructions are taken from it.
        beside: Called after each BUILD; takes bytes from the stream that no instruction reads, as joblib does, and
            gives what other pickles among them do.
    """
    machine, protocol, opcodes, trouble = Machine(budget), 0, 0, ""
    try:
        for opcode, argument, _ in pickletools.genops(stream):  # type: ignore[arg-type]  # it only reads
            opcodes += 1
            budget.spend("opcodes")
            asked = argument if opcode.name == "PROTO" and isinstance(argument, int) else 0
            protocol = max(protocol, opcode.proto, asked)
            machine.step(opcode, argument)
            if machine.built is not None and beside is not None:
                for inner in beside(stream, machine):
                    machine.names.update(dict.fromkeys(inner.names))
                    machine.computed |= inner.computed
                    if inner.trouble:
                        raise Malformed(inner.trouble)
    # Ours are ValueErrors too. pickletools raises ValueError for the file's errors, TypeError for a text that was passed over, and lets a warning
    # about an odd escape become an error where warnings are.
    except (Spent, ValueError, TypeError, OverflowError, Warning) as exc:
        trouble = str(exc) or type(exc).__name__
    return Walked(
        tuple(machine.names), machine.computed, machine.extensions, protocol, opcodes, trouble
    )
