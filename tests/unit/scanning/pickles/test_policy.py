"""What names and calls of pickles are good for, case by case."""

from __future__ import annotations

import io
import pickletools

import pytest

from registry_tool.scanning.pickles.calls import Calls
from registry_tool.scanning.pickles.policy import kind_of_name
from registry_tool.scanning.pickles.vm import walk
from registry_tool.scanning.report import Budget
from registry_tool.scanning.stream import Stream

MARK, NONE, STOP = b"(", b"N", b"."


def name(full: str) -> bytes:
    """The instruction that imports a name; behind a colon stands what is taken from the module."""
    module, _, last = full.partition(":")
    return b"c" + module.encode() + b"\n" + last.encode() + b"\n"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + MARK + b"".join(arguments) + b"tR"


def levels(*instructions: bytes) -> set[str]:
    data = b"\x80\x02" + b"".join(instructions) + STOP
    pickletools.dis(data, out=io.StringIO())  # it is a pickle that Python would read
    calls = Calls()
    assert walk(Stream(io.BytesIO(data).read), Budget(), calls).trouble == ""
    return set(calls.judged)


@pytest.mark.parametrize(
    ("full", "kind"),
    [
        ("builtins:dict", "called"),
        ("builtins:eval", "dangerous"),
        ("builtins:vars", "dangerous"),
        ("torch:FloatStorage", "called"),
        ("torch._utils:_rebuild_tensor_v2", "called"),
        ("torch.hub:load", "dangerous"),
        ("numpy:load", "dangerous"),
        ("numpy:float64", "made"),
        ("numpy:log1p", "referred"),
        ("os:path.join", "dangerous"),
        ("osmium:read", "unknown"),
        ("sklearn.tree._tree:Tree", "called"),
        ("sklearn.tree._classes:DecisionTreeClassifier", "made"),
        ("sklearn.tree._classes:export_text", "unknown"),
        ("functools:partial", "judged"),
        ("numpy.random._pickle:__randomstate_ctor", "judged"),
        ("zoneinfo:ZoneInfo", "called"),
        ("x:__globals__", "dangerous"),
        ("numpy:core.os.system", "dangerous"),
        ("uuid:_get_command_stdout", "dangerous"),
        ("pathlib:Path.write_text", "dangerous"),
        ("codecs:open", "dangerous"),
        ("tarfile:open", "dangerous"),
        ("typing:get_type_hints", "dangerous"),
        ("six:exec_", "dangerous"),
        ("psutil:Popen", "dangerous"),
        ("test.support.script_helper:assert_python_ok", "dangerous"),
        ("_xxsubinterpreters:run_string", "dangerous"),
        ("joblib.numpy_pickle:NumpyArrayWrapper", "made"),
        ("joblib:numpy_pickle.NumpyArrayWrapper", "dangerous"),
        ("cloudpickle.cloudpickle:_make_function", "by-value"),
    ],
)
def test_what_names_are_good_for(full: str, kind: str) -> None:
    module, _, last = full.partition(":")
    assert kind_of_name(module, last) == kind


OS = name("os:system")
TREE = name("sklearn.tree._classes:DecisionTreeClassifier")
HARMLESS = {
    "getattr of a class": call(name("builtins:getattr"), name("zoneinfo:ZoneInfo"), text("_unpickle")),
    "what getattr gave is called": call(call(name("builtins:getattr"), name("zoneinfo:ZoneInfo"), text("_unpickle")), text("UTC")),
    "partial of a function that may stand somewhere": call(name("functools:partial"), name("numpy:log1p")),
    "a factory that is a class": call(name("collections:defaultdict"), name("builtins:list")),
    "an object of a class": TREE + b")\x81}b",
    "the same, as protocol 1 has it": call(name("copyreg:_reconstructor"), TREE, name("builtins:object"), NONE) + b"}b",
    "an encoding": call(name("_codecs:encode"), text("x"), text("latin1")),
    "bits of NumPy": call(name("numpy.random._pickle:__randomstate_ctor"), text("MT19937"), name("numpy.random._pickle:__bit_generator_ctor")),
    "items by their place": call(name("operator:itemgetter"), b"K\x01"),
    "attributes by their names": call(name("operator:attrgetter"), text("a.b")),
    "the class of None": call(name("builtins:type"), NONE),
    "a constant by its text": call(name("dill._dill:_eval_repr"), text("xrange(0, 3, 1)")),
}  # fmt: skip
HOSTILE = {
    "getattr of a module's way out": call(name("builtins:getattr"), name("numpy:core"), text("os")),
    "getattr of an object": call(name("builtins:getattr"), TREE + b")\x81", text("__class__")),
    "getattr with a name that is computed": call(name("builtins:getattr"), TREE, call(name("builtins:str"))),
    "partial of a bad function": call(name("functools:partial"), OS, text("id")),
    "a partial that is called": call(call(name("functools:partial"), name("numpy:log1p")), b"K\x01"),
    "a partial whose state is another function": call(name("functools:partial"), name("numpy:log1p")) + MARK + OS + b")}N" + b"tb",
    "a factory that runs": call(name("collections:defaultdict"), OS),
    "a class is called, not made": call(TREE, text("x")),
    "an object of an unknown class": call(name("copyreg:_reconstructor"), name("acme:Model"), name("builtins:object"), NONE),
    "an unknown encoding": call(name("_codecs:encode"), text("x"), text("acme")),
    "bits of NumPy from a bad class": call(name("numpy.random._pickle:__bit_generator_ctor"), OS),
    "bits of NumPy through a bad function": call(name("numpy.random._pickle:__generator_ctor"), text("id"), OS),
    "an array of dill through a bad function": call(name("dill._dill:_create_array"), OS, text("id")),
    "an attribute that leads out": call(name("operator:attrgetter"), text("a.__globals__")),
    "methods by their names": call(name("operator:methodcaller"), text("system"), text("id")),
    "a text that is evaluated": call(name("dill._dill:_eval_repr"), text("__import__('os')")),
    "a class of one's own": call(name("builtins:type"), text("X"), b")", b"}"),
    "map": call(name("builtins:map"), name("numpy:log1p"), b"]"),
    "a state of a class": TREE + b"}b",
    "an index of an unknown class": call(name("pandas.core.indexes.base:_new_Index"), name("acme:Index"), b"}"),
    "what no scan knows": call(name("acme.models:load"), text("x")),
    "a subclass of tensors through a bad function": call(name("torch._tensor:_rebuild_from_type_v2"), OS, TREE, b")", NONE),
}  # fmt: skip


@pytest.mark.parametrize("case", HARMLESS)
def test_what_is_harmless(case: str) -> None:
    assert levels(HARMLESS[case]) == set()


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_not(case: str) -> None:
    assert levels(HOSTILE[case]) & {"dangerous", "unknown"}


def test_functions_by_value_are_unsafe_and_not_known_to_be_harmless_once_called() -> None:
    code = call(name("cloudpickle.cloudpickle:_builtin_type"), text("CodeType"))
    function = call(name("cloudpickle.cloudpickle:_make_function"), call(code, text("x")), NONE)
    assert levels(function) == {"unsafe"}
    assert levels(call(function)) == {"unsafe", "unknown"}


# --- the memo and the stack lie in no other way than Python's do


def test_a_place_of_the_memo_is_where_python_counts_it() -> None:
    """MEMOIZE puts a value where the number of filled places says: here over `collections`, which was put at place 1."""
    data = (
        b"\x80\x04\x8c\x0bcollectionsq\x010\x8c\x05posix\x940"  # put at 1; then memoized at 1 too
        b"h\x01\x8c\x06system\x93\x8c\x02id\x85R."
    )
    calls = Calls()
    walk(Stream(io.BytesIO(data).read), Budget(), calls)
    assert "posix.system" in calls.judged["dangerous"]


def test_a_name_that_was_forgotten_is_not_taken_for_harmless() -> None:
    many = b"".join(text(f"w{i}") + b"\x940" for i in range(20_000))
    data = b"\x80\x04" + text("posix") + b"\x940" + many + b"h\x00" + text("system") + b"\x93."
    calls = Calls()
    walk(Stream(io.BytesIO(data).read), Budget(), calls)
    assert set(calls.judged) & {"unread", "dangerous"}


def test_escapes_in_names_are_read() -> None:
    data = b"S'p\\x6fsix'\nS'system'\n\x93."
    calls = Calls()
    walk(Stream(io.BytesIO(data).read), Budget(), calls)
    assert "posix.system" in calls.judged["dangerous"]
