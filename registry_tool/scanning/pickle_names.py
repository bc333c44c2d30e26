"""What the names that a pickle imports are good for.

Loading a pickle imports what it names and calls it with arguments of its choice. The tables name what turns that into a
program of one's own: shells, processes, files, the network, the interpreter. A name that is in none is no proof of
innocence: it is told as what the pickle runs.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["kind_of_name"]

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
        "networkx.readwrite", "transformers.dynamic_module_utils", "nltk.app",
    }
)  # fmt: skip
# Single names of modules that are harmless otherwise.
_DANGEROUS_NAMES: Final = frozenset(
    {
        "numpy.load", "numpy.save", "numpy.fromfile", "numpy.memmap", "numpy.loadtxt", "numpy.savetxt", "numpy.genfromtxt",
        "pandas.read_pickle", "pandas.eval", "pandas.read_csv", "joblib.load", "joblib.dump", "torch.load", "torch.save",
        "torch.compile", "tensorflow.load_op_library", "keras.models.load_model", "functools.partialmethod",
        "cloudpickle.load", "cloudpickle.loads", "dill.load", "dill.loads", "dill.load_module", "skops.io.load",
        "logging.FileHandler", "logging.config.dictConfig", "logging.config.fileConfig",
    }
)  # fmt: skip
# As a part of a name they lead from anywhere to everything: `torch` holds a module `os`.
_DANGEROUS_PARTS: Final = frozenset(
    {"os", "sys", "subprocess", "builtins", "importlib", "ctypes", "shutil", "socket", "system", "popen", "eval", "exec"}
)  # fmt: skip
# What loads another pickle, from bytes that this one holds.
_NESTED: Final = frozenset({"torch.storage._load_from_bytes"})
_PLAIN_BUILTINS: Final = frozenset(
    {
        "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range", "set",
        "slice", "str", "tuple", "Ellipsis", "NotImplemented", "ArithmeticError", "AssertionError", "Exception",
        "KeyError", "RuntimeError", "TypeError", "ValueError", "long", "unicode", "xrange", "reversed", "enumerate", "zip",
    }
)  # fmt: skip
_PLAIN: Final = frozenset(
    {
        "_codecs.encode", "codecs.encode", "copyreg.__newobj__", "copy_reg.__newobj__", "types.SimpleNamespace",
        "types.MappingProxyType", "types.GenericAlias", "operator.itemgetter", "_operator.itemgetter", "io.BytesIO",
        "_io.BytesIO", "io.StringIO", "_io.StringIO", "collections.Counter", "collections.OrderedDict", "collections.defaultdict",
        "collections.deque", "copyreg._reconstructor", "copy_reg._reconstructor", "datetime.date", "datetime.datetime",
        "datetime.time", "datetime.timedelta", "datetime.timezone", "decimal.Decimal", "fractions.Fraction", "uuid.UUID",
        "joblib.numpy_pickle.NumpyArrayWrapper", "joblib.numpy_pickle.NDArrayWrapper", "numpy.dtype", "numpy.ndarray",
        "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar", "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer",
        "numpy.matrix", "numpy.ma.core._mareconstruct", "numpy.ma.core.MaskedArray", "torch.Size", "torch.device",
        "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_qtensor", "torch._tensor._rebuild_from_type_v2",
        "torch.jit._pickle.build_intlist", "torch.jit._pickle.build_doublelist", "torch.jit._pickle.build_boollist",
        "torch.jit._pickle.build_tensorlist", "torch.jit._pickle.restore_type_tag", "torch.nn.parameter.Parameter", "torch.storage.TypedStorage", "torch.storage.UntypedStorage", "torch.Tensor",
    }
)  # fmt: skip
_PLAIN_ENDS: Final = ("Storage", "Tensor")
# joblib takes bytes from between the instructions for them. By another way than its own they hide a pickle from a scan.
_WRAPPERS: Final = ("NumpyArrayWrapper", "NDArrayWrapper")

NameKind = Literal["dangerous", "nested", "plain", "other"]


def _is_below(module: str, table: frozenset[str]) -> bool:
    parts = module.split(".")
    return any(".".join(parts[:n]) in table for n in range(1, len(parts) + 1))


def _has_way_out(name: str) -> bool:
    """True for a name that leads away from its module: protocol 4 follows the dots in it."""
    return any(part in _DANGEROUS_PARTS or part.startswith("__") for part in name.split("."))


def _is_plain(module: str, name: str) -> bool:
    if module in {"builtins", "__builtin__"}:
        return name in _PLAIN_BUILTINS
    return module == "torch" and name.endswith(_PLAIN_ENDS)


def kind_of_name(module: str, name: str) -> NameKind:
    """What an imported name is good for.

    Args:
        module: Such as ``collections``.
        name: What is taken from it; it may have dots.

    Returns:
        ``dangerous``; ``nested`` for what loads another pickle; ``plain`` for what only makes data; ``other``.
    """
    full = f"{module}.{name}"
    if full in _NESTED:
        return "nested"
    if "." not in name and (full in _PLAIN or _is_plain(module, name)):
        return "plain"
    if full in _DANGEROUS_NAMES or name.endswith(_WRAPPERS):
        return "dangerous"
    return "dangerous" if _is_below(module, _DANGEROUS) or _has_way_out(name) else "other"
