"""Pickles that run something when they are loaded, put together from instructions: nothing of others is copied.

The names come from the tables that peers publish in their packages, read where they are installed, and from a list of
our own of names that public advisories report. Loading one of these files is never needed, and none does more than call
its name with a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["ADVISORIES", "hostile_pickles"]

# Reported ways past scanners: CVE-2025-1716, -1889, -10155 to -10157, GHSA entries of picklescan, modelscan and fickling.
ADVISORIES = (
    "uuid:_get_command_stdout", "pathlib:Path.write_text", "codecs:open", "tarfile:open", "typing:get_type_hints",
    "six:exec_", "psutil:Popen", "test.support.script_helper:assert_python_ok", "_xxsubinterpreters:run_string",
    "dill._dill:_eval_repr", "pip:main", "asyncio.unix_events:_UnixSubprocessTransport._start", "idlelib.pyshell:ModifiedInterpreter.runcode",
    "timeit:timeit", "cProfile:runctx", "doctest:debug_script", "ensurepip:_run_pip", "lib2to3.pgen2.pgen:ParserGenerator.make_label",
    "torch.utils.bottleneck.__main__:run_cprofile", "torch._dynamo.guards:GuardBuilder.get", "torch.utils._config_module:ConfigModule.load_config",
    "torch.utils.collect_env:run", "torch.jit.unsupported_tensor_ops:execWrapper", "torch.fx.experimental.symbolic_shapes:ShapeEnv.evaluate_guards_expression",
    "numpy.f2py.crackfortran:getlincoef", "numpy.testing._private.utils:runstring", "profile:Profile.runctx", "trace:Trace.run",
    "bdb:Bdb.run", "code:InteractiveInterpreter.runcode", "logging.config:listen", "operator:attrgetter", "builtins:getattr",
    "functools:partial", "types:CodeType", "ssl:get_server_certificate", "pty:spawn", "importlib:import_module", "marshal:loads",
    "nltk.app.wordnet_app:wnb", "networkx.readwrite.gpickle:read_gpickle", "pandas:read_pickle", "numpy:load", "joblib:load",
)  # fmt: skip


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def _forms(module: str, name: str) -> Iterator[tuple[str, bytes]]:
    """The same call in the ways that a pickle has for it."""
    argument = _text("registry-tool-scan")
    if "." not in name:
        yield "global", b"c" + f"{module}\n{name}\n".encode() + b"(" + argument + b"tR."
        yield "inst", b"(" + argument + b"i" + f"{module}\n{name}\n".encode() + b"."
    stacked = _text(module) + _text(name) + b"\x93"
    yield "stack", b"\x80\x04" + stacked + argument + b"\x85R."
    yield (
        "memo",
        b"\x80\x04"
        + _text(name)
        + b"\x940"
        + _text(module)
        + b"h\x00\x93"
        + argument
        + b"\x85R0N.",
    )


def hostile_pickles(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Files of pickles: what each is called, and its bytes.

    Args:
        names: Such as ``os:system``; ``*`` stands for any name of the module.
    """
    for full in names:
        module, _, name = full.partition(":")
        chosen = "run" if name == "*" else name
        for form, data in _forms(module, chosen):
            yield f"{module}.{chosen}.{form}.pkl".replace("/", "_"), data
