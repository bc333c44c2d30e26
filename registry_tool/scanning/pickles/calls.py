"""What a pickle imports and calls, judged while it is walked."""

from __future__ import annotations

from typing import Final

from registry_tool.scanning.pickles.policy import (
    Judgement,
    infer_result,
    judge_call,
    judge_name,
    judge_state,
)
from registry_tool.scanning.pickles.values import UNKNOWN, Call, Imported, Nested
from registry_tool.scanning.report import BudgetExceededError, Level

__all__ = ["Calls"]

_NAMES: Final = 20_000
# Whose arguments and state other readers ask for: joblib's arrays, and types that are looked up by name.
_KEPT: Final = frozenset(
    {
        Imported("numpy", "dtype"),
        Imported("joblib.numpy_pickle", "NumpyArrayWrapper"),
        Imported("cloudpickle.cloudpickle", "_builtin_type"),
        Imported("dill._dill", "_load_type"),
    }
)
_NESTED: Final = Imported("torch.storage", "_load_from_bytes")


def _is_kept(function: object) -> bool:
    return isinstance(function, Imported) and function in _KEPT


class Calls:
    """What one or several pickles import and call.

    Attributes:
        names: What is imported, in order; each stands for itself.
        modules: The names of modules among them.
        judged: What was found, by its level; each message once, in order.
        extensions: True where names come from the registry of extensions of the process that loads it.
        nested: Bytes that it loads as pickles of their own.
    """

    def __init__(self) -> None:
        self.names: dict[Imported, Imported] = {}
        self.modules: set[str] = set()
        self.judged: dict[Level, dict[str, None]] = {}
        self.extensions = False
        self.nested: list[bytes] = []

    def _add(self, judgement: Judgement | None) -> None:
        if judgement is not None:
            self.judged.setdefault(judgement.level, {}).setdefault(judgement.what)

    def import_name(self, module: object, name: object) -> object:
        """A name is imported; gives what stands for it."""
        if not isinstance(module, str) or not isinstance(name, str):
            forgotten = UNKNOWN in (module, name)
            level: Level = "unread" if forgotten else "dangerous"
            what = "a name that is too far back in the pickle to be resolved" if forgotten else "a name that it computes"  # fmt: skip
            self._add(Judgement(level, what))
            return UNKNOWN
        found = Imported(module, name)
        if found in self.names:
            return self.names[found]  # one object for one name, however often it is imported
        if len(self.names) >= _NAMES:
            raise BudgetExceededError("it imports more names than a scan checks")
        self.names[found] = found
        self.modules.add(module)
        self._add(judge_name(module, name))
        return found

    def loads_pickles(self, value: object) -> bool:
        """True for a name that loads a pickle from the bytes that it is given."""
        return value == _NESTED

    def call(self, function: object, arguments: object, *, new: bool) -> object:
        """Something is called; gives what stands for its result.

        Args:
            function: What is called.
            arguments: With what.
            new: True where an object is made without being initialised, as ``copyreg.__newobj__`` does.
        """
        if function == _NESTED and isinstance(arguments, tuple) and len(arguments) == 1 and isinstance(arguments[0], Nested):  # fmt: skip
            self.nested.append(arguments[0].data)
        else:
            self._add(judge_call(function, arguments, new=new))
        if (better := infer_result(function, arguments)) is not None:
            return better
        values = arguments if isinstance(arguments, tuple) else ()
        if _is_kept(function) or any(_is_kept(value) for value in values):
            return Call(function, arguments)
        return Call(function, UNKNOWN)

    def build(self, target: object, state: object) -> None:
        """A state is set on something."""
        self._add(judge_state(target, state))
        if isinstance(target, Call) and _is_kept(target.function):
            target.build(_shallow(state))


def _shallow(state: object) -> object:
    """A state without calls in it, but for a data type's: what is kept does not grow."""
    if isinstance(state, tuple):
        return tuple(UNKNOWN if isinstance(one, Call) else one for one in state)
    if isinstance(state, dict):
        return {
            key: UNKNOWN if isinstance(value, Call) and str(value.function) != "numpy.dtype" else value
            for key, value in state.items()
        }  # fmt: skip
    return UNKNOWN
