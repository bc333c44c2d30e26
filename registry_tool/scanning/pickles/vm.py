"""Pickles, walked instruction by instruction: nothing is imported, nothing is called.

A stack machine keeps what matters of the unpickler's stack: short texts, whole numbers, tuples, small dictionaries,
imported names and calls. A name that is put together from pieces is seen. Where a pickle cannot be followed, that is reported.

The instructions and their arguments: https://github.com/python/cpython/blob/main/Lib/pickletools.py. The walk reads a window
of the file at a time; long texts are skipped, and the memo forgets old values. A forgotten name counts as unreadable.
"""

from __future__ import annotations

import codecs
import warnings
from collections.abc import Callable, Iterator
from typing import ClassVar, Final, NamedTuple

from registry_tool.scanning.pickles.calls import Calls
from registry_tool.scanning.pickles.values import (
    MARK,
    UNKNOWN,
    Call,
    Imported,
    Nested,
    without_depth,
)
from registry_tool.scanning.pickles.window import Window
from registry_tool.scanning.report import Budget, BudgetExceededError
from registry_tool.scanning.stream import PIECE_LIMIT, MalformedFileError, Stream

__all__ = ["Machine", "Walked", "walk"]

_AHEAD: Final = 2 << 10  # an instruction and a name behind it are shorter
_NAME: Final = 256  # a longer text is no name
# Beyond these the walk forgets: it holds some megabytes, whatever the pickle says.
_MEMO: Final = 8192
_PLACES: Final = 8_000_000
_STACK: Final = 2_000_000
_HIGH: Final = 1 << 16
_KEYS: Final = 8
_TUPLE: Final = 24
_OFTEN: Final = 4096
_DIGITS: Final = 18
_STOP: Final = ord(".")


class Walked(NamedTuple):
    """How far a pickle could be followed.

    Attributes:
        protocol: The highest that it asks for.
        opcodes: How many instructions were followed.
        trouble: Why it could not be followed to its end; empty where it could.
    """

    protocol: int
    opcodes: int
    trouble: str


Between = Callable[[Stream, "Machine"], Iterator[Walked]]


class Machine(Window):
    """The unpickler's stack and memo.

    Attributes:
        calls: What was imported and called so far, judged.
        built: What the last instruction set a state on; None where it did something else.
        opcodes: How many instructions were followed.
        protocol: The highest that the pickle asked for.
    """

    def __init__(self, stream: Stream, budget: Budget, calls: Calls) -> None:
        self.calls = calls
        self.built: Call | None = None
        self.opcodes = 0
        self.protocol = 0
        super().__init__(stream)
        self._budget = budget
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        # Which places of the memo are filled: MEMOIZE puts a value where their number says, not behind the last.
        self._places = bytearray()
        self._filled = 0
        self._pause = _OFTEN
        self._collapsed = 0

    def _text(self, size: int) -> object:
        if size > _NAME:
            self._skip(size)
            return UNKNOWN
        return self._take(size).decode("utf-8", "surrogatepass")

    def _bytes(self, size: int) -> object:
        """Bytes are passed over, but for a pickle that a known name will load."""
        if self._stack and self.calls.loads_pickles(self._stack[-1]) and size <= PIECE_LIMIT:
            self._budget.spend("nested", size)
            self.hand_over()
            return Nested(self._stream.take(size))
        self._skip(size)
        return UNKNOWN

    # --- stack and memo

    def _pop(self) -> None:
        self._stack.pop()

    def _value(self) -> object:
        value = self._stack.pop()
        if value is MARK:
            raise MalformedFileError("it uses a mark as a value")
        return value

    def _top(self) -> object:
        return self._stack[-1]

    def replace_top(self) -> None:
        """Let the topmost value be one that does not matter."""
        self._stack[-1] = UNKNOWN

    def _to_mark(self) -> list[object]:
        stack = self._stack
        for at in range(len(stack) - 1, -1, -1):
            if stack[at] is MARK:
                found = stack[at + 1 :]
                del stack[at:]
                return found
        raise MalformedFileError("a mark is missing")

    def _collapse(self) -> None:
        """Forget what lies deep on a high stack; imported names stay."""
        stack = self._stack
        if len(stack) > _STACK:
            raise BudgetExceededError("its stack exceeds the limit of a scan")
        end = len(stack) - _AHEAD
        for at in range(min(self._collapsed, end), end):
            if stack[at] is not MARK and not isinstance(stack[at], Imported):
                stack[at] = UNKNOWN
        self._collapsed = end

    def _put(self, key: int) -> None:
        value = self._top()
        if value is MARK:
            raise MalformedFileError("it uses a mark as a value")
        places = self._places
        if key == len(places) < _PLACES:
            places.append(1)
            self._filled += 1
        elif key >= _PLACES:
            raise BudgetExceededError("its memo exceeds the limit of a scan")
        else:
            places.extend(bytes(max(0, key + 1 - len(places))))
            self._filled += not places[key]
            places[key] = 1
            self._memo.pop(key, None)
        if value is not UNKNOWN:
            self._memo[key] = value
            if len(self._memo) > _MEMO:
                self._forget()

    def _forget(self) -> None:
        """Drop the older half of the memo; imported names and names of modules stay."""
        kept, items = self.calls.modules, list(self._memo.items())
        older = (
            (key, value)
            for key, value in items[: -_MEMO // 2]
            if isinstance(value, Imported) or (isinstance(value, str) and value in kept)
        )
        self._memo = {**dict(list(older)[-_MEMO // 4 :]), **dict(items[-_MEMO // 2 :])}

    def _get(self, key: int) -> None:
        if key >= len(self._places) or not self._places[key]:
            raise MalformedFileError("it reads a memo entry that it never stored")
        value = self._memo.get(key, UNKNOWN)
        if isinstance(value, str):
            self._memo[key] = self._memo.pop(key)  # used again: not among the oldest any more
        self._stack.append(value)

    # --- instructions

    def _tuple(self, values: list[object]) -> None:
        if len(values) > _TUPLE:
            self._stack.append(UNKNOWN)
        else:
            self._stack.append(tuple([without_depth(v) if type(v) is tuple else v for v in values]))

    def _keep(self, values: list[object]) -> None:
        """Set items of a dictionary, or whatever stands there in its place."""
        target = self._top()
        if isinstance(target, dict):
            for key, value in zip(values[::2], values[1::2], strict=False):
                if isinstance(key, str) and len(target) < _KEYS:
                    target[key] = without_depth(value)

    def _call(self, function: object, arguments: object, *, new: bool = False) -> None:
        self._stack.append(self.calls.call(function, arguments, new=new))

    def _reduce(self) -> None:
        arguments, function = self._value(), self._value()
        self._call(function, arguments)

    def _new(self) -> None:
        arguments, kind = self._value(), self._value()
        self._call(kind, arguments, new=True)

    def _new_with_names(self) -> None:
        self._value()
        arguments, kind = self._value(), self._value()
        self._call(kind, arguments, new=True)

    def _instance(self) -> None:
        module, name = self._line(), self._line()
        kind = self.calls.import_name(_decode_line(module), _decode_line(name))
        self._call(kind, tuple(self._to_mark()))

    def _object(self) -> None:
        values = self._to_mark()
        if not values:
            raise MalformedFileError("it creates an object without a class")
        self._call(values[0], tuple(values[1:]))

    def _build(self) -> None:
        state, made = self._value(), self._top()
        self.calls.build(made, state)
        if isinstance(made, Call):
            self.built = made

    def _global(self) -> None:
        module, name = self._line(), self._line()
        self._stack.append(self.calls.import_name(_decode_line(module), _decode_line(name)))

    def _stack_global(self) -> None:
        name, module = self._value(), self._value()
        self._stack.append(self.calls.import_name(module, name))

    def _extension(self, size: int) -> None:
        self._number(size)
        self.calls.extensions = True
        self._stack.append(UNKNOWN)

    def _persistent(self) -> None:
        self._value()
        self._stack.append(UNKNOWN)

    def _duplicate(self) -> None:
        self._stack.append(self._top())

    def _protocol(self) -> None:
        self.protocol = max(self.protocol, self._number(1))

    def _whole(self, size: int) -> None:
        self._stack.append(self._number(size))

    def _read_signed(self) -> None:
        self._stack.append(int.from_bytes(self._take(4), "little", signed=True))

    def _long(self, size: int) -> None:
        count = self._number(size)
        if count > 8:  # noqa: PLR2004 (a size or a shape is no larger)
            self._skip(count)
            self._stack.append(UNKNOWN)
        else:
            self._stack.append(int.from_bytes(self._take(count), "little", signed=True))

    def _whole_line(self) -> None:
        line = (self._line_or_none() or b"").rstrip(b"L")
        known = {b"00": False, b"01": True}
        short = line.lstrip(b"-").isdigit() and len(line) <= _DIGITS
        self._stack.append(known.get(line, int(line) if short else UNKNOWN))

    def _string_line(self) -> None:
        line = self._line_or_none()
        if line is None:
            self._stack.append(UNKNOWN)
            return
        quoted = len(line) > 1 and line[:1] == line[-1:] and line[:1] in (b"'", b'"')
        if not quoted:
            raise MalformedFileError("a text has no quotes")
        text = line[1:-1]
        if b"\\" in text:
            with warnings.catch_warnings(
                action="ignore"
            ):  # of an odd escape, which stands for itself
                text = codecs.escape_decode(text)[0]  # as pickle.py does
        self._stack.append(text.decode("latin-1") if len(text) <= _NAME else UNKNOWN)

    def _unicode_line(self) -> None:
        line = self._line_or_none()
        text = b"" if line is None else line[: 10 * _NAME].decode("raw-unicode-escape", "replace")
        self._stack.append(UNKNOWN if line is None or len(text) > _NAME else text)

    def _push_unknown(self, size: int) -> None:
        self._skip(size)
        self._stack.append(UNKNOWN)

    def _frame(self, size: int) -> None:
        self._take(size)

    def _items(self) -> None:
        self._keep(self._to_mark())

    def _drop_items(self) -> None:
        self._to_mark()
        self._top()

    def _drop_marked(self) -> None:
        self._to_mark()

    def _top_stays(self) -> None:
        self._top()

    def _item(self) -> None:
        value, key = self._value(), self._value()
        self._keep([key, value])

    def _append(self) -> None:
        self._value()
        self._top()

    def _collect_marked(self) -> None:
        """A list or a set of what stands behind the mark."""
        self._to_mark()
        self._stack.append(UNKNOWN)

    def _dictionary(self) -> None:
        values = self._to_mark()
        self._stack.append({})
        self._keep(values)

    def _join(self, size: int) -> None:
        self._tuple([self._value() for _ in range(size)][::-1])

    def _marked_tuple(self) -> None:
        self._tuple(self._to_mark())

    def _empty_dictionary(self) -> None:
        self._stack.append({})

    def _get_line(self) -> None:
        self._get(_key(self._line()))

    def _put_line(self) -> None:
        self._put(_key(self._line()))

    # Of the most frequent instructions: the window holds their argument, or the file ends.

    def _get_short(self) -> None:
        key = self._buffer[self._at]
        self._at += 1
        self._get(key)

    def _put_short(self) -> None:
        key = self._buffer[self._at]
        self._at += 1
        self._put(key)

    def _whole_short(self) -> None:
        self._stack.append(self._buffer[self._at])
        self._at += 1

    def _string_short(self) -> None:
        begin = self._at + 1
        end = begin + self._buffer[self._at]
        if end > len(self._buffer):
            raise MalformedFileError("it ends too early")
        self._at = end
        self._stack.append(self._buffer[begin:end].decode("utf-8", "surrogatepass"))

    def _get_at(self, size: int) -> None:
        self._get(self._number(size))

    def _put_at(self, size: int) -> None:
        self._put(self._number(size))

    def _memoize(self) -> None:
        self._put(self._filled)

    def _persistent_line(self) -> None:
        self._line_or_none()
        self._stack.append(UNKNOWN)

    def _skipped_line(self) -> None:
        self._line_or_none()
        self._stack.append(UNKNOWN)

    def _string(self, size: int) -> None:
        self._stack.append(self._text(self._number(size)))

    def _byte_string(self, size: int) -> None:
        self._stack.append(self._bytes(self._number(size)))

    def _old_string(self, size: int) -> None:
        """Texts of Python 2, which are read as bytes or by an encoding that the loader chooses; names are ASCII."""
        count = self._number(size)
        if count > _NAME:
            self._push_unknown(count)
        else:
            self._stack.append(self._take(count).decode("latin-1"))

    _CONSTANT: ClassVar[dict[int, object]] = {
        ord("("): MARK, ord(")"): (), ord("]"): UNKNOWN, 0x8F: UNKNOWN, ord("N"): None, 0x88: True, 0x89: False,
        0x97: UNKNOWN,
    }  # fmt: skip
    _PLAIN: ClassVar[dict[int, Callable[[Machine], None]]] = {
        ord("0"): _pop, ord("1"): _drop_marked, ord("2"): _duplicate, ord("a"): _append, ord("b"): _build,
        ord("c"): _global, ord("d"): _dictionary, ord("}"): _empty_dictionary, ord("I"): _whole_line,
        ord("L"): _whole_line, ord("J"): _read_signed, ord("F"): _skipped_line, ord("P"): _persistent_line,
        ord("Q"): _persistent, ord("R"): _reduce, ord("S"): _string_line, ord("V"): _unicode_line,
        ord("i"): _instance, ord("l"): _collect_marked, ord("o"): _object, ord("s"): _item, ord("t"): _marked_tuple,
        ord("h"): _get_short, ord("q"): _put_short, ord("K"): _whole_short, 0x8C: _string_short,
        ord("g"): _get_line, ord("p"): _put_line, 0x80: _protocol, 0x81: _new, 0x90: _drop_items, 0x91: _collect_marked,
        0x92: _new_with_names, 0x93: _stack_global, 0x94: _memoize, 0x98: _top_stays, ord("e"): _drop_items,
        ord("u"): _items,
    }  # fmt: skip
    _WITH: ClassVar[dict[int, tuple[Callable[[Machine, int], None], int]]] = {
        ord("M"): (_whole, 2), 0x8A: (_long, 1), 0x8B: (_long, 4), ord("G"): (_push_unknown, 8), ord("U"): (_old_string, 1),
        ord("T"): (_old_string, 4), ord("X"): (_string, 4), 0x8D: (_string, 8), ord("C"): (_byte_string, 1),
        ord("B"): (_byte_string, 4), 0x8E: (_byte_string, 8), 0x96: (_byte_string, 8), 0x82: (_extension, 1),
        0x83: (_extension, 2), 0x84: (_extension, 4), 0x85: (_join, 1), 0x86: (_join, 2), 0x87: (_join, 3),
        ord("j"): (_get_at, 4), ord("r"): (_put_at, 4), 0x95: (_frame, 8),
    }  # fmt: skip

    def run(self) -> Iterator[Call]:
        """Follow the pickle to its end; gives what a state was just set on.

        Raises:
            MalformedFileError: It cannot be followed.
            BudgetExceededError: It is longer than the budget.
        """
        constants, plain, with_size, stack = self._CONSTANT, self._PLAIN, self._WITH, self._stack
        while True:
            if len(self._buffer) - self._at < _AHEAD and not (self._ends and self._buffer):
                self._refill()
            code = self._buffer[self._at]
            self._at += 1
            self.opcodes += 1
            if code in constants:
                stack.append(constants[code])
            elif code in plain:
                plain[code](self)
            elif code in with_size:
                act, size = with_size[code]
                act(self, size)
            elif code == _STOP:
                self._value()
                return
            else:
                raise MalformedFileError(f"unknown instruction {code:#04x}")
            if self.opcodes >= self._pause:
                self._spend()
            if self.built is not None:
                yield self.built
                self.built = None

    def _spend(self) -> None:
        self._pause += _OFTEN
        self._budget.spend("opcodes", _OFTEN)
        if len(self._stack) > _HIGH:
            self._collapse()
        else:
            self._collapsed = 0


def _key(line: bytes) -> int:
    if not line.isdigit() or len(line) > _DIGITS:
        raise MalformedFileError("an index of its memo is not a number")
    return int(line)


def _decode_line(line: bytes) -> str:
    return line[:_NAME].decode("utf-8", "replace")


def walk(stream: Stream, budget: Budget, calls: Calls, between: Between | None = None) -> Walked:
    """Follow one pickle to its end; it never raises for what is in the file.

    Args:
        stream: The file, where the pickle begins. It stands behind the pickle afterwards, if there is no trouble.
        budget: Instructions are taken from it.
        calls: Where its imports and calls are judged.
        between: Called after each BUILD; takes bytes from the stream that no instruction reads, as joblib does, once the
            machine has handed it over, and gives what other pickles among them do.
    """
    machine, trouble = Machine(stream, budget, calls), ""
    try:
        for _ in machine.run():
            if between is None:
                continue
            for inner in between(stream, machine):
                if inner.trouble:
                    raise MalformedFileError(inner.trouble)
        machine.hand_over()
    except IndexError:  # of a window at the end of its file, or of an empty stack
        trouble = "it ends too early, or takes a value from an empty stack"
    except (BudgetExceededError, ValueError) as exc:  # also text that is not UTF-8
        trouble = str(exc)
    return Walked(machine.protocol, machine.opcodes, trouble)
