"""What a pickle may import and call: names that are known to be harmless, alone or with the arguments they get.

Loading a pickle imports what it names and calls it with arguments of its choice. A list of bad names is never complete,
so names are allowed, one by one, never whole modules: a name that is in no table is `unknown`, and decides the verdict as
a bad one does. Names such as `getattr` are harmless with some arguments only, and are judged by them. The table of bad
names only makes the message plainer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from registry_tool.scanning.pickles.harmless_names import CALLED, MADE, REFERRED
from registry_tool.scanning.pickles.values import UNKNOWN, Call, Imported
from registry_tool.scanning.report import Level

__all__ = [
    "Judgement",
    "NameKind",
    "infer_result",
    "is_known_bad",
    "judge_call",
    "judge_name",
    "judge_state",
    "kind_of_name",
]

NameKind = Literal[
    "dangerous", "nested", "called", "made", "referred", "judged", "by-value", "unknown"
]


class Judgement(NamedTuple):
    """Why something that a pickle does is not harmless.

    Attributes:
        level: How bad it is.
        what: What it runs.
    """

    level: Level
    what: str


# All that is in them.
_DANGEROUS: Final = frozenset(
    {
        "os", "posix", "nt", "subprocess", "_posixsubprocess", "sys", "socket", "_socket", "ssl", "shutil", "pty",
        "commands", "runpy", "importlib", "_frozen_importlib", "_frozen_importlib_external", "_imp", "imp", "zipimport",
        "pkgutil", "pkg_resources", "site", "ctypes", "_ctypes", "cffi", "_cffi_backend", "multiprocessing", "_winapi",
        "threading", "_thread", "concurrent", "asyncio", "selectors", "signal", "atexit", "code", "codeop", "bdb",
        "pdb", "trace", "tracemalloc", "timeit", "cProfile", "profile", "_lsprof", "doctest", "unittest", "pydoc",
        "webbrowser", "antigravity", "idlelib", "lib2to3", "turtle", "tkinter", "urllib", "urllib2", "http", "httplib",
        "requests", "httpx", "aiohttp", "urllib3", "ftplib", "smtplib", "telnetlib", "nntplib", "poplib", "imaplib",
        "xmlrpc", "socketserver", "ensurepip", "pip", "venv", "distutils", "setuptools", "py_compile", "compileall",
        "pickle", "_pickle", "cPickle", "pickletools", "marshal", "shelve", "dbm", "sqlite3", "types", "inspect", "gc",
        "operator", "_operator", "io", "_io", "_pyio", "fileinput", "tempfile", "glob", "mmap", "fcntl", "resource",
        "linecache", "platform", "sysconfig", "ast", "dis", "symtable", "builtins", "__builtin__",
        "__builtins__", "_aix_support", "_osx_support", "_pyrepl", "nturl2path", "uu", "getpass", "curses",
        "paramiko", "fabric", "invoke", "sh", "plumbum", "pexpect", "git", "docker", "boto3", "numexpr", "torch.hub",
        "torch.jit", "torch.fx", "torch.package", "torch._inductor", "torch._dynamo", "torch.utils.bottleneck",
        "torch.utils.collect_env", "torch.utils._config_module", "torch.utils.cpp_extension", "torch.serialization",
        "torch.distributed", "torch.multiprocessing", "numpy.distutils", "numpy.f2py", "numpy.testing", "numpy.ctypeslib",
        "numpy.lib.npyio", "numpy.lib._npyio_impl", "scipy.io", "pandas.io", "pandas.core.computation", "joblib.memory",
        "joblib.parallel", "sklearn.utils._testing", "tensorflow.python.lib.io", "tensorflow.io", "IPython", "jupyter",
        "networkx.readwrite", "transformers.dynamic_module_utils", "nltk.app", "test", "six", "psutil", "tarfile", "zipfile",
        "_xxsubinterpreters", "_interpreters", "_testcapi", "_testinternalcapi", "xmlrpclib", "cgi", "wsgiref",
    }
)  # fmt: skip
# Single names of modules that are harmless otherwise.
_DANGEROUS_NAMES: Final = frozenset(
    {
        "numpy.load", "numpy.save", "numpy.fromfile", "numpy.memmap", "numpy.loadtxt", "numpy.savetxt", "numpy.genfromtxt",
        "pandas.read_pickle", "pandas.eval", "pandas.read_csv", "joblib.load", "joblib.dump", "torch.load", "torch.save",
        "torch.compile", "tensorflow.load_op_library", "keras.models.load_model", "functools.partialmethod",
        "cloudpickle.load", "cloudpickle.loads", "dill.load", "dill.loads", "dill.load_module", "skops.io.load",
        "uuid._get_command_stdout", "uuid._popen", "pathlib.Path.write_text", "pathlib.Path.write_bytes", "codecs.open",
        "typing.get_type_hints", "typing.ForwardRef", "dill._dill._eval_repr", "logging.FileHandler", "logging.config.dictConfig", "logging.config.fileConfig",
    }
)  # fmt: skip
# As a part of a name they lead from anywhere to everything: `torch` holds a module `os`.
_DANGEROUS_PARTS: Final = frozenset(
    {"os", "sys", "subprocess", "builtins", "importlib", "ctypes", "shutil", "socket", "system", "popen", "eval", "exec"}
)  # fmt: skip


def _is_below(module: str, table: frozenset[str]) -> bool:
    parts = module.split(".")
    return any(".".join(parts[:n]) in table for n in range(1, len(parts) + 1))


def is_known_bad(module: str, name: str) -> bool:
    """True for a name that is known to do harm, or to lead to what does."""
    if not _MODULE.fullmatch(module):
        return (
            False  # no such module can be imported: `import os` read as an instruction of a pickle
        )
    full = f"{module}.{name}"
    parts = name.split(".")
    # A dotted name leads away from its module: protocol 4 follows the dots.
    leads_out = any(part in _DANGEROUS_PARTS or _DUNDER.fullmatch(part) for part in parts)
    return full in _DANGEROUS_NAMES or _is_below(module, _DANGEROUS) or leads_out


_MODULE: Final = re.compile(r"[\w.]*")
_DUNDER: Final = re.compile(r"__\w+__")
_NESTED: Final = "torch.storage._load_from_bytes"
# A type that is looked up by its name.
_LOOK_UP: Final = frozenset({"cloudpickle.cloudpickle._builtin_type", "dill._dill._load_type"})
_CODE: Final = frozenset({"CodeType", "code"})
# Modules that functions by value may name; others are not known to be harmless.
_MODULES: Final = frozenset(
    {"math", "re", "json", "random", "statistics", "collections", "datetime", "numpy", "scipy", "pandas", "sklearn", "torch"}
)  # fmt: skip
_ENCODINGS: Final = frozenset(
    {"latin1", "latin-1", "iso-8859-1", "ascii", "utf-8", "utf8", "utf-16", "utf-32"}
)
_REPR: Final = re.compile(
    r"(?:Ellipsis|NotImplemented|None|True|False|x?range\((?:-?\d{1,20}(?:, ?)?){1,3}\))"
)
_TORCH_ENDS: Final = ("Storage", "Tensor")
# joblib takes bytes from between the instructions for it. By another way than its own it hides a pickle from a scan.
_WRAPPERS: Final = ("NumpyArrayWrapper", "NDArrayWrapper")


@lru_cache(1 << 12)
def kind_of_name(module: str, name: str) -> NameKind:
    """What an imported name is good for.

    Args:
        module: Such as ``collections``.
        name: What is taken from it; it may have dots.

    Returns:
        ``called``: harmless, whatever it is called with; ``made``: a class whose objects may be made and given a state,
        but not called; ``referred``: a function that may stand somewhere; ``judged``: harmless with some arguments;
        ``by-value``: makes functions out of what the pickle holds; ``nested``: loads another pickle; ``dangerous``:
        known to be bad; ``unknown``: anything else.
    """
    # `joblib` and `numpy_pickle.X` is another way to a name of `joblib.numpy_pickle`: only the known way is harmless.
    if "." not in name and (kind := _BY_FULL_NAME.get(f"{module}.{name}")) is not None:
        return kind
    exact = f"{module}:{name}"
    for kind, names in _BY_PLACE:
        if exact in names:
            return kind
    if module == "torch" and "." not in name and name.endswith(_TORCH_ENDS):
        return "called"
    return "dangerous" if is_known_bad(module, name) or name.endswith(_WRAPPERS) else "unknown"


def judge_name(module: str, name: str) -> Judgement | None:
    """Judge an import; None where it is harmless."""
    kind = kind_of_name(module, name)
    if kind in {"dangerous", "unknown"}:
        return Judgement("dangerous" if kind == "dangerous" else "unknown", f"{module}.{name}")
    return None


def _kind(value: object) -> NameKind | None:
    return kind_of_name(*value) if isinstance(value, Imported) else None


def _is_class(value: object) -> bool:
    """True for a name of which objects may be made."""
    return _kind(value) in {"called", "made"} or (
        isinstance(value, Call) and str(value.function) in _LOOK_UP
    )


def _may_be_called(value: object) -> bool:
    return _kind(value) in {"called", "referred"}


def _getattr(arguments: tuple[object, ...]) -> bool:
    """``getattr(Class, "name")`` is the dotted name; of an object it is a method of its class."""
    if len(arguments) not in {2, 3} or not isinstance(arguments[1], str):
        return False
    owner = arguments[0].function if isinstance(arguments[0], Call) else arguments[0]
    if not isinstance(owner, Imported):
        return False
    return kind_of_name(owner.module, f"{owner.name}.{arguments[1]}") in {
        "by-value",
        "called",
        "made",
        "referred",
    }


def _first_is_class(arguments: tuple[object, ...]) -> bool:
    return bool(arguments) and _is_class(arguments[0])


def _all_are_classes(arguments: tuple[object, ...]) -> bool:
    return all(_is_class(one) for one in arguments if isinstance(one, Imported | Call))


def _only_names(arguments: tuple[object, ...]) -> bool:
    return bool(arguments) and all(
        isinstance(one, str) and not any(_DUNDER.fullmatch(p) for p in one.split("."))
        for one in arguments
    )


def _factory(arguments: tuple[object, ...]) -> bool:
    return (
        not arguments
        or arguments[0] is None
        or _is_class(arguments[0])
        or _may_be_called(arguments[0])
    )


def _function_first(arguments: tuple[object, ...]) -> bool:
    return bool(arguments) and _may_be_called(arguments[0])


def _applies_first(arguments: tuple[object, ...]) -> bool:
    """``f(function, arguments, …)`` calls the function."""
    return bool(arguments) and _kind(arguments[0]) == "called"


def _encode(arguments: tuple[object, ...]) -> bool:
    return len(arguments) == 1 or (len(arguments) == 2 and arguments[1] in _ENCODINGS)  # noqa: PLR2004 (text, encoding)


def _one_argument(arguments: tuple[object, ...]) -> bool:
    return len(arguments) == 1


_BITS: Final = "numpy.random._pickle.__bit_generator_ctor"


def _bit_generator(arguments: tuple[object, ...]) -> bool:
    """NumPy calls the second, or the first where it is a class, to make what a generator takes its bits from."""
    first = arguments[0] if arguments else None
    made = isinstance(first, Call) and (_is_class(first.function) or str(first.function) == _BITS)
    fine = first is None or isinstance(first, str) or _is_class(first) or made
    return fine and all(str(one) == _BITS for one in arguments[1:])


def _plain_repr(arguments: tuple[object, ...]) -> bool:
    return (
        len(arguments) == 1
        and isinstance(arguments[0], str)
        and _REPR.fullmatch(arguments[0]) is not None
    )


_LOSSES: Final = (
    "CyAbsoluteError", "CyExponentialLoss", "CyHalfBinomialLoss", "CyHalfGammaLoss", "CyHalfMultinomialLoss",
    "CyHalfPoissonLoss", "CyHalfSquaredError", "CyHalfTweedieLoss", "CyHalfTweedieLossIdentity", "CyHuberLoss", "CyPinballLoss",
)  # fmt: skip
# --- functions and classes by value: code that the pickle holds, which is unsafe, and runs when it is called


def _is_from_pickle(value: object) -> bool:
    """True for what was made of code that the pickle holds."""
    if not isinstance(value, Call):
        return False
    return str(value.function) in _HELD or _is_code(value)


def _is_code(value: object) -> bool:
    if not isinstance(value, Call):
        return False
    function = value.function
    looked_up = isinstance(function, Call) and str(function.function) in _LOOK_UP
    return looked_up or str(function) in {"dill._dill._create_code", "types.CodeType"}


def _of_code(arguments: tuple[object, ...]) -> bool:
    return bool(arguments) and _is_code(arguments[0])


def _of_held(arguments: tuple[object, ...]) -> bool:
    return bool(arguments) and _is_from_pickle(arguments[0])


def _no_names(arguments: tuple[object, ...]) -> bool:
    return not any(isinstance(one, Imported) for one in arguments)


def _of_type(arguments: tuple[object, ...]) -> bool:
    """The first makes the class: a metaclass."""
    first = arguments[0] if arguments else None
    if isinstance(first, Call):
        return str(first.function) in _LOOK_UP and first.arguments == ("type",)
    return str(first) in {"builtins.type", "__builtin__.type", "abc.ABCMeta"}


def _known_module(arguments: tuple[object, ...]) -> bool:
    return len(arguments) == 1 and isinstance(arguments[0], str) and arguments[0].split(".")[0] in _MODULES and not _is_below(arguments[0], _DANGEROUS)  # fmt: skip


def _type_name(arguments: tuple[object, ...]) -> bool:
    return len(arguments) == 1 and isinstance(arguments[0], str)


def _sets_on_held(arguments: tuple[object, ...]) -> bool:
    """``setattr(made, name, value)``, as dill has it."""
    return _of_held(arguments) and all(one in _SET for one in arguments[1:2])


_SET: Final = frozenset(
    {"__doc__", "__qualname__", "__module__", "__annotations__", "cell_contents"}
)
_C, _D = "cloudpickle.cloudpickle", "dill._dill"
# With these arguments they only make things of code that the pickle holds.
_HELD: Final[dict[str, Callable[[tuple[object, ...]], bool]]] = {
    f"{_C}._make_function": _of_code,
    f"{_C}._make_skeleton_class": _of_type,
    f"{_C}._make_empty_cell": _no_names,
    f"{_C}._make_cell": _no_names,
    f"{_C}._function_setstate": _of_held,
    f"{_C}._class_setstate": _of_held,
    f"{_C}.subimport": _known_module,
    f"{_C}._builtin_type": _type_name,
    f"{_D}._create_function": _of_code,
    f"{_D}._create_code": _no_names,
    f"{_D}._create_type": _of_type,
    f"{_D}._create_cell": _no_names,
    f"{_D}._load_type": _type_name,
    "types.CodeType": _no_names,
    "builtins.setattr": _sets_on_held,
    "__builtin__.setattr": _sets_on_held,
}


_JUDGED: Final[dict[str, Callable[[tuple[object, ...]], bool]]] = {
    "builtins.getattr": _getattr,
    "__builtin__.getattr": _getattr,
    "dill._dill._get_attr": _getattr,
    "builtins.type": _one_argument,
    "__builtin__.type": _one_argument,
    "functools.partial": _function_first,
    "types.MethodType": _function_first,
    "operator.attrgetter": _only_names,
    "_operator.attrgetter": _only_names,
    "copyreg._reconstructor": _all_are_classes,
    "copy_reg._reconstructor": _all_are_classes,
    "copyreg.__newobj__": _first_is_class,
    "copy_reg.__newobj__": _first_is_class,
    "copyreg.__newobj_ex__": _first_is_class,
    "collections.defaultdict": _factory,
    "_codecs.encode": _encode,
    "codecs.encode": _encode,
    "dill._dill._eval_repr": _plain_repr,
    "dill._dill._create_array": _applies_first,
    _BITS: _bit_generator,
    "numpy.random._pickle.__generator_ctor": _bit_generator,
    "numpy.random._pickle.__randomstate_ctor": _bit_generator,
    "pandas.core.indexes.base._new_Index": _first_is_class,
    "pandas.core.indexes.datetimes._new_DatetimeIndex": _first_is_class,
    "pandas.core.indexes.timedeltas._new_TimedeltaIndex": _first_is_class,
    "pandas.core.indexes.interval._new_IntervalIndex": _first_is_class,
    "pandas.core.indexes.period._new_PeriodIndex": _first_is_class,
    "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked": _first_is_class,
    "pandas._libs.interval.__pyx_unpickle_IntervalMixin": _first_is_class,
    "numpy.random.bit_generator.__pyx_unpickle_SeedSequence": _first_is_class,
    "numpy.ma.core._mareconstruct": _all_are_classes,
    "sklearn.metrics._dist_metrics.newObj": _first_is_class,
    "sklearn.neighbors._ball_tree.newObj": _first_is_class,
    "sklearn.neighbors._kd_tree.newObj": _first_is_class,
    "torch._tensor._rebuild_from_type_v2": _applies_first,
    **{
        f"{module}.__pyx_unpickle_{loss}": _first_is_class
        for module in ("_loss", "sklearn._loss._loss")
        for loss in _LOSSES
    },
}


_BY_FULL_NAME: Final[dict[str, NameKind]] = {
    _NESTED: "nested",
    **dict.fromkeys(_JUDGED, "judged"),
    **dict.fromkeys(_HELD, "by-value"),
}
_BY_PLACE: Final[tuple[tuple[NameKind, frozenset[str]], ...]] = (
    ("called", CALLED),
    ("made", MADE),
    ("referred", REFERRED),
    # dill: the globals of a function, its own module, and what sets a closure's cells.
    ("by-value", frozenset({"__builtin__:__main__", "dill:_dill", "dill:_dill._setattr"})),
)
_MAKERS: Final = frozenset(
    {
        "copyreg._reconstructor",
        "copy_reg._reconstructor",
        "copyreg.__newobj__",
        "copy_reg.__newobj__",
    }
)
_GETATTR: Final = frozenset({"builtins.getattr", "__builtin__.getattr", "dill._dill._get_attr"})


# Types that dill looks up by a name, and what they are: judged as if they were imported.
_TYPES: Final = {
    "PartialType": Imported("functools", "partial"),
    "MethodType": Imported("types", "MethodType"),
}


def infer_result(function: object, arguments: object) -> object:
    """What stands for the result of a call, where it is better known than as a call.

    ``getattr(Class, "name")`` is the name ``Class.name``; what makes an object of a class is a call of the class.
    """
    if not isinstance(function, Imported) or not isinstance(arguments, tuple) or not arguments:
        return None
    first, full = arguments[0], str(function)
    if full in _MAKERS and isinstance(first, Imported):
        return Call(first, UNKNOWN)
    if full in _LOOK_UP and isinstance(first, str) and first in _TYPES:
        return _TYPES[first]
    if full in _GETATTR and len(arguments) > 1 and isinstance(first, Imported) and isinstance(arguments[1], str):  # fmt: skip
        return Imported(first.module, f"{first.name}.{arguments[1]}")
    return None


def _show(value: object) -> str:
    if isinstance(value, Imported):
        return str(value)
    if isinstance(value, Call):
        return f"{_show(value.function)}(...)"
    return repr(value)[:80] if isinstance(value, str | int | None) else "..."


def _with(function: object, arguments: object) -> str:
    inner = (
        ", ".join(_show(one) for one in arguments[:4]) if isinstance(arguments, tuple) else "..."
    )
    return f"{function}({inner})"


def _judge_result(function: Call) -> Judgement | None:
    """What a call gave is called itself."""
    if str(function.function) in _LOOK_UP:
        values = function.arguments if isinstance(function.arguments, tuple) else ()
        if any(one in _CODE for one in values):
            return Judgement("unsafe", "code that it contains")
        known = all(isinstance(one, str) and f"builtins:{one}" in CALLED for one in values)
        return (
            None
            if values and known
            else Judgement("unknown", f"{_with(function.function, values)}(...)")
        )
    if _is_from_pickle(function):
        return Judgement("unknown", "a function or a class that it contains")
    return Judgement("unknown", f"{_show(function)}(...)")


def _judge_named(function: Imported, arguments: object) -> Judgement | None:
    """A name is called that is harmless, or unsafe, with some arguments only."""
    full = str(function)
    full = {"dill._dill._setattr": "builtins.setattr"}.get(full, full)
    known = arguments if isinstance(arguments, tuple) else ()
    held, test = _HELD.get(full), _JUDGED.get(full)
    if test is not None and isinstance(arguments, tuple) and test(arguments):
        return None
    holds = test is not None and full == "functools.partial" and _of_held(known)
    if holds or (held is not None and isinstance(arguments, tuple) and held(arguments)):
        looks_up = full in _LOOK_UP or full.endswith("._create_array")
        return None if looks_up else Judgement("unsafe", "code that it contains")
    bad = any(_kind(one) == "dangerous" for one in known) or full.endswith(".setattr")
    return Judgement("dangerous" if bad else "unknown", _with(function, arguments))


def judge_call(function: object, arguments: object, *, new: bool) -> Judgement | None:
    """Judge a call; None where it is harmless.

    Args:
        function: What is called.
        arguments: With what: a tuple where that is known.
        new: True where an object is made without being initialised.
    """
    if isinstance(function, Call):
        return _judge_result(function)
    if not isinstance(function, Imported):
        return Judgement("unread", "an object that a scan cannot resolve")
    kind = _kind(function)
    if kind in {"called", "dangerous", "unknown"} or (kind == "made" and new):
        return None  # a bad name was judged when it was imported
    if kind == "nested":
        return Judgement("unread", "another pickle, from computed bytes")
    return _judge_named(function, arguments)


def judge_state(target: object, state: object) -> Judgement | None:
    """Judge that a state is set on something; None where it is harmless."""
    if isinstance(target, Imported):
        return Judgement("dangerous", f"a change of {target}")
    if not isinstance(target, Call):
        return None if target is None or isinstance(target, dict) else Judgement("unread", "a change of an object that a scan cannot resolve")  # fmt: skip
    if str(target.function) == "functools.partial" and not (isinstance(state, tuple) and (_function_first(state) or _of_held(state))):  # fmt: skip
        return Judgement("unknown", f"functools.partial with a state of {_show(state)}")
    return None
