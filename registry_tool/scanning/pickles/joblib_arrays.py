"""The bytes of arrays that joblib writes between the instructions of a pickle, where no instruction reads them.

The form is that of ``joblib.numpy_pickle``: after an array's description comes its data, behind padding since joblib 1.1.
An array of objects is a pickle of its own there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import Final

from registry_tool.scanning.pickles.calls import Calls
from registry_tool.scanning.pickles.values import Call, Imported
from registry_tool.scanning.pickles.vm import Machine, Walked, walk
from registry_tool.scanning.report import Budget
from registry_tool.scanning.stream import MalformedFileError, Stream

__all__ = ["Arrays"]

_WRAPPER: Final = Imported("joblib.numpy_pickle", "NumpyArrayWrapper")
_DTYPE: Final = Imported("numpy", "dtype")
_KIND: Final = re.compile(r"[<>|=]?([biufcmMSUVO])([0-9]{1,9})")
# The state of a data type, as NumPy pickles it: where the size of an item stands, and its flags.
_SIZE: Final = 5
_FLAGS: Final = 7
_HAS_OBJECTS: Final = 1
_DEPTH: Final = 8


def _apply_state(dtype: Call, kind: str, size: int) -> tuple[str, int]:
    """What a data type is once its state is set: texts and records take their size from there."""
    state = dtype.state
    if state is None:
        return kind, size
    if not isinstance(state, tuple) or len(state) <= _FLAGS:
        raise MalformedFileError("an array has items of an unknown type")
    told, flags = state[_SIZE], state[_FLAGS]
    if not isinstance(told, int) or not isinstance(flags, int):
        raise MalformedFileError("an array has items of an unknown type")
    if bool(flags & _HAS_OBJECTS) != (kind == "O"):
        raise MalformedFileError("an array has records of objects")
    return kind, told if kind in "SUV" else size


def _item(state: dict[str, object]) -> tuple[str, int]:
    """The kind of an array's items, and how many bytes one has."""
    dtype = state.get("dtype")
    if isinstance(dtype, Call) and dtype.function == _DTYPE and isinstance(dtype.arguments, tuple):
        first = dtype.arguments[0] if dtype.arguments else None
        match = _KIND.fullmatch(first) if isinstance(first, str) else None
        if match:
            size = int(match[2]) * (4 if match[1] == "U" else 1)
            return _apply_state(dtype, match[1], size)
    raise MalformedFileError("an array has items of an unknown type")


def _shape(state: dict[str, object]) -> list[int]:
    shape = state.get("shape")
    if isinstance(shape, tuple):
        sizes = [one for one in shape if isinstance(one, int) and one >= 0]
        if len(sizes) == len(shape):
            return sizes
    raise MalformedFileError("an array has no shape")


def _check_other(made: Call) -> None:
    """An array that is made in another way than joblib's own would hide what follows on it."""
    arguments = made.arguments if isinstance(made.arguments, tuple) else ()
    if not isinstance(made.function, Imported) or _WRAPPER in arguments:
        raise MalformedFileError("an array is created in an unknown way")


class Arrays:
    """What ``pickle_vm.walk`` is told about joblib: it passes over the data of arrays.

    Args:
        budget: Instructions of pickles in arrays are taken from it.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._depth = 0
        self.seen = 0

    def __call__(self, stream: Stream, machine: Machine) -> Iterator[Walked]:
        """Take an array's data from the stream, if one was just described."""
        made = machine.built
        if made is None or _WRAPPER not in machine.calls.names:
            return
        if made.function != _WRAPPER:
            _check_other(made)
            return
        state = made.state
        if made.arguments != () or not isinstance(state, dict):
            raise MalformedFileError("an array is described in an unknown way")
        self.seen += 1
        machine.hand_over()
        machine.replace_top()  # joblib puts the array there
        kind, size = _item(state)
        if kind == "O":
            yield self._objects(stream, machine.calls)
            return
        if isinstance(state.get("numpy_array_alignment_bytes"), int):
            stream.skip(stream.take(1)[0])
        stream.skip(prod(_shape(state)) * size)

    def _objects(self, stream: Stream, calls: Calls) -> Walked:
        if self._depth == _DEPTH:
            raise MalformedFileError("it contains pickles that are nested too deeply")
        self._depth += 1
        found = walk(stream, self._budget, calls, self)
        self._depth -= 1
        return found
