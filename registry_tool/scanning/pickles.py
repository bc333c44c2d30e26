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

from registry_tool.scanning.pickle_machine import (
    MARK,
    UNKNOWN,
    Call,
    Imported,
    Machine,
    Unknown,
    Value,
)
from registry_tool.scanning.report import Budget, Spent
from registry_tool.scanning.stream import Malformed, Stream

__all__ = ["Walked", "walk"]

# A longer text is no name; the memory that a large pickle takes here stays small.
_NAME: Final = 256


def _pair(machine: Machine, argument: str) -> Imported | Unknown:
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
    machine.push(UNKNOWN)


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


def _keep(target: Value, values: list[Value]) -> None:
    if isinstance(target, dict):
        pairs = zip(values[::2], values[1::2], strict=False)
        target.update({key: value for key, value in pairs if isinstance(key, str)})


def _dict(machine: Machine, _: Any) -> None:
    made: dict[str, Value] = {}
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
        "MARK": lambda m, _: m.push(MARK),
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


def _constant(argument: Any, budget: Budget) -> Value:
    if isinstance(argument, str) and len(argument) <= _NAME:
        budget.spend("text", len(argument))
        return argument
    return argument if isinstance(argument, int) else UNKNOWN


def _other(machine: Machine, opcode: Any) -> None:
    """An instruction whose values do not matter: only how many come and go."""
    before = [one.name for one in opcode.stack_before]
    if "mark" in before:
        machine.to_mark()
        before = before[: before.index("mark")]
    for _ in before:
        machine.pop()
    for one in opcode.stack_after:
        machine.push(MARK if one.name == "mark" else UNKNOWN)


def _step(machine: Machine, opcode: Any, argument: Any, budget: Budget) -> None:
    """Follow one instruction."""
    machine.built = None
    special = _SPECIAL.get(opcode.name)
    if special is not None:
        special(machine, argument)
    elif opcode.name in _CONSTANTS:
        machine.push(_constant(argument, budget))
    else:
        _other(machine, opcode)


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
    machine, protocol, opcodes, trouble = Machine(), 0, 0, ""
    try:
        for opcode, argument, _ in pickletools.genops(stream):  # type: ignore[arg-type]  # it only reads
            opcodes += 1
            budget.spend("opcodes")
            asked = argument if opcode.name == "PROTO" and isinstance(argument, int) else 0
            protocol = max(protocol, opcode.proto, asked)
            _step(machine, opcode, argument, budget)
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
