"""Pickles: what they would run is told, and nothing of it happens."""

from __future__ import annotations

import base64
import collections
import datetime as dt
import gzip
import io
import os
import pickle
import pickletools
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry_tool.scanning.pickles.calls import Calls
from registry_tool.scanning.pickles.values import Imported
from registry_tool.scanning.pickles.vm import Walked, walk
from registry_tool.scanning.report import Budget, Scanned, decide_verdict
from registry_tool.scanning.stream import Stream

Scan = Callable[[bytes, str], Scanned]
# joblib.dump({"f": float array, "s": texts, "o": objects, "r": records, "last": "end"}), joblib 1.6.0 and NumPy 2.
JOBLIB = base64.b85decode(
    "fCQD;000000001elqie=W|WK*YHwm}X<{yJb!~8YUvOz-Yiwndj1f+CZE$%(a&lpLS8`!+aAk6olawielzo&aj0kgeVq<J!b90o81#We1aCwxB"
    "2X16xa&lpLl#`T<1#@U&aAlNB1BH}~1#fa>Wpb2^0Yj9G1!Q!2aAlNe2#f_}ba`-"
    "Pl#`T<0%kariHL`kQj{o51B?MYluk}gO8@`=|4RS=|Nlz>bd+L@3Sn$)Z+Bm9ZDDYfh>RO<b!~8YUtw}`VR>I+Y-"
    "wk1ZDnqBUt)Q5Wpk8E5Orb<|NsC0|NsC0|NsC0000000000000000008hm000000000$l|ujk000000E_{1lxPGgfs}oeC};<03TO*U0)>=l4Q"
    "LK%4`>mL0#!1UiHL`kQj{o5185aaPEJb*O9V>@bd+Lf7l>#WOAvKp3;+NB|NsC0|NsC0VE_OCVE_OCVgLXD00000l}i8s000000E_`|lxPGgfs"
    "}oeC};<03TO*U0)>=l4QLK%4`>mL0#7)UiHL`kQj{o51B?NDluk}gO8@`=|4RS=|Nl!rbd+Lf7l~*XOAvKpfCZJ1000000001t7H)NIaCt6YV{"
    "dY0E^T#ebZKF7a$$Ltj0|6LWn*t{b98cbV|0|0l#B&#b!~8Yl#B;%WMOi0VR@93luH1GltTexl!ug3lqgF9O9F+IXakG|WOR9OWt5YYi~>(Ml!"
    "=Iklv0!^O9PAne3VX3PD=m(|Nlz=|Ns9>KXjC0iCvT^O96}lc$8&ylwvNGqyPW_00000i~(|#Xap&Nlzo&aXa{HtXbVdMg_LLwXbxx(Xc3G9Rx"
    "vV^iHL`kQj{o51868ti~(Vki~(YlhLnAjC}=Tg5sU(6G?a;mhm=y3C`$uq6;4i0O8@`=|4RS=|Nlz>bd+LC0EU!kGH4Nu0%<suiHL`kQj{o518"
    "5aaPEJby|Ns9=|NsC0O8|6~VoL;ulyyrCO94v|bd+Lf7l>#WOAvKp1ONa3000000000000000000000000000000l@9;_000000E`4|VRLkpj0"
    "0tEWR!I-"
)


class Runs:
    """An object whose pickle calls something when it is loaded."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self._call


def levels(found: Scanned) -> list[str]:
    return [finding.level for finding in found.findings]


def said(found: Scanned) -> str:
    return "\n".join(str(finding) for finding in found.findings)


# --- what is dangerous


@pytest.mark.parametrize("protocol", range(6))
def test_a_command_is_seen_in_every_protocol(scan: Scan, protocol: int) -> None:
    found = scan(pickle.dumps(Runs(os.system, "touch proof"), protocol=protocol), "model.pkl")
    assert "loading this pickle runs posix.system" in said(found)
    assert decide_verdict(found.findings) == "fail"
    assert found.facts["format"] == "pickle"
    assert not Path("proof").exists()


@pytest.mark.parametrize(
    "function",
    [eval, exec, __import__, open, compile, subprocess.Popen, os.popen, pickle.loads, sys.exit],
)  # fmt: skip
def test_ways_to_run_a_program(scan: Scan, function: object) -> None:
    assert "dangerous" in levels(scan(pickle.dumps(Runs(function, "x")), "model.pkl"))


@pytest.mark.parametrize("suffix", [".bin", ".weights", ".txt", ""])
@pytest.mark.parametrize("protocol", [0, 4])
def test_the_name_of_the_file_hides_nothing(scan: Scan, suffix: str, protocol: int) -> None:
    found = scan(pickle.dumps(Runs(os.system, "x"), protocol=protocol), f"model{suffix}")
    assert "dangerous" in levels(found)


def test_a_name_from_the_memo(scan: Scan) -> None:
    """`system` and `posix` were kept before, and are fetched when the name is made."""
    data = b"\x80\x04\x8c\x06system\x94\x8c\x05posix\x940" + b"0" + b"h\x01h\x00\x93\x8c\x01x\x85R."
    assert "runs posix.system" in said(scan(data, "model.pkl"))


def test_a_name_that_is_computed(scan: Scan) -> None:
    """The module's name is what a call gives."""
    data = b"\x80\x04ccollections\nOrderedDict\n)R\x8c\x06system\x93."
    assert "a name that it computes" in said(scan(data, "model.pkl"))


def test_a_dotted_name_leads_elsewhere(scan: Scan) -> None:
    data = b"\x80\x04\x8c\x05torch\x8c\x09os.system\x93\x8c\x01x\x85R."
    assert "runs torch.os.system" in said(scan(data, "model.pkl"))


def test_an_instance_of_old(scan: Scan) -> None:
    assert "runs os.system" in said(scan(b"(S'x'\nios\nsystem\n.", "model.pkl"))
    assert "runs os.system" in said(scan(b"(cos\nsystem\nS'x'\no.", "model.pkl"))


def test_what_runs_before_it_breaks(scan: Scan) -> None:
    broken = pickle.dumps(Runs(os.system, "x"), protocol=0)[:-1] + b"\xff\xff"
    assert "dangerous" in levels(scan(broken, "model.bin"))
    broken = pickle.dumps(Runs(os.system, "x"), protocol=4)[:-1] + b"\xff\xff"
    assert {"dangerous", "unread"} <= set(levels(scan(broken, "model.bin")))


def test_a_second_pickle_behind_the_first(scan: Scan) -> None:
    data = pickle.dumps({"a": 1}) + pickle.dumps(Runs(os.system, "x"))
    assert "runs posix.system" in said(scan(data, "model.pkl"))


def test_bytes_behind_a_pickle_are_told(scan: Scan) -> None:
    found = scan(pickle.dumps({"a": 1}) + b"cos\nsystem\n", "model.pkl")
    assert levels(found) == ["unread", "unsafe"]


def test_names_of_other_processes(scan: Scan) -> None:
    assert "has registered" in said(scan(b"\x80\x02\x82\x01.", "model.pkl"))


def test_a_pickle_in_a_pickle(scan: Scan) -> None:
    inner = pickle.dumps(Runs(os.system, "x"))
    data = b"\x80\x04ctorch.storage\n_load_from_bytes\nB" + len(inner).to_bytes(4, "little")
    found = scan(data + inner + b"\x85R.", "model.pkl")
    assert "dangerous: model.pkl!storage: loading this pickle runs posix.system" in said(found)
    data = b"\x80\x04ctorch.storage\n_load_from_bytes\n"
    computed = scan(data + b"cbuiltins\nbytes\n)R" + b"\x85R.", "model.pkl")
    assert "from computed bytes" in said(computed)
    calm = pickle.dumps([1])
    data = b"\x80\x04ctorch.storage\n_load_from_bytes\nB" + len(calm).to_bytes(4, "little") + calm
    assert decide_verdict(scan(data + b"\x85R.", "model.pkl").findings) == "pass"


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_packed(scan: Scan, pack: Callable[[bytes], bytes]) -> None:
    found = scan(pack(pickle.dumps(Runs(os.system, "x"))), "model.joblib")
    assert "runs posix.system" in said(found)
    assert found.facts["format"] == "pickle"


# --- what is only unsafe


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_is_unsafe_by_its_format_only(scan: Scan, protocol: int) -> None:
    value = {
        "a": [1, 2.5, None, True, "text", b"bytes", 1 << 100],
        "b": collections.OrderedDict(x=(1, 2, 3, 4)),
        "c": {1, 2},
        "d": dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
    }
    found = scan(pickle.dumps(value, protocol=protocol), "model.pkl")
    assert levels(found) == ["unsafe"]
    assert "this one only creates objects that are known to be harmless" in said(found)
    assert decide_verdict(found.findings) == "pass"


def test_a_class_that_no_table_knows_decides_the_verdict(scan: Scan) -> None:
    found = scan(b"\x80\x04\x8c\x05acme.\x8c\x05Model\x93)\x81}b.", "model.pkl")
    assert levels(found) == ["unknown", "unsafe"]
    assert "runs acme..Model, which is not known to be harmless" in said(found)
    assert decide_verdict(found.findings) == "fail"


def test_a_joblib_file_is_followed_between_its_arrays(scan: Scan) -> None:
    found = scan(JOBLIB, "model.joblib")
    assert (found.facts["format"], levels(found)) == ("joblib", ["unsafe"])
    assert "this one only creates objects that are known to be harmless" in said(found)


def test_what_follows_on_an_array_is_seen(scan: Scan) -> None:
    end = b"\x8c\x04last\x94\x8c\x03end\x94"
    assert end in JOBLIB
    for evil in (b"cos\nsystem\n\x8c\x03end\x94", b"\x8c\x05posix\x8c\x06system\x93"):
        data = JOBLIB.replace(end, b"\x8c\x04last\x94" + evil)
        assert "system" in said(scan(data, "model.joblib"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x8c\x12joblib.numpy_pickle\x94"[:1], b""),
        (b"NumpyArrayWrapper", b"NumpyArrayWrappeR"),
        (b"numpy_array_alignment_bytes", b"numpy_array_alignment_bytez"),
        (b"\x8c\x02f8", b"\x8c\x02f7"),
        (b"\x8c\x02f8", b"\x8c\x02O8"),
        (b"\x8c\x05dtype", b"\x8c\x05dtypf"),
    ],
)
def test_an_array_that_says_something_else_ends_the_walk(
    scan: Scan, old: bytes, new: bytes
) -> None:
    assert old in JOBLIB
    found = scan(JOBLIB.replace(old, new, 1), "model.joblib")
    assert decide_verdict(found.findings) == "fail"


# --- limits


def test_large_bytes_are_passed_over(scan: Scan) -> None:
    data = pickle.dumps([b"\0" * (40 << 20), bytearray(20 << 20), "end"], protocol=5)
    assert levels(scan(data, "model.pkl")) == ["unsafe"]


def test_a_large_text_is_passed_over(scan: Scan) -> None:
    for protocol in (0, 2, 4):
        data = pickle.dumps(["x" * (17 << 20), "end"], protocol=protocol)
        assert levels(scan(data, "model.pkl")) == ["unsafe"]


def test_a_length_that_lies(scan: Scan) -> None:
    data = b"\x80\x04\x8e" + (1 << 62).to_bytes(8, "little") + b"abc."
    assert "unread" in levels(scan(data, "model.pkl"))


def followed(data: bytes, budget: Budget | None = None) -> tuple[Walked, Calls]:
    calls = Calls()
    return walk(Stream(io.BytesIO(data).read), budget or Budget(), calls), calls


def test_too_many_instructions_are_told() -> None:
    data = b"\x80\x02" + b"N0" * 5000 + b"N."
    assert "more instructions" in followed(data, Budget(opcodes=5000))[0].trouble


@pytest.mark.parametrize("data", [b"\x85" * 10, b"(" * 10, b"]" + b"\x85" * 200_000 + b"."])
def test_deep_and_empty_stacks(data: bytes) -> None:
    assert followed(b"\x80\x02" + data)[0].opcodes


OPCODES = [op.code.encode("latin-1") for op in pickletools.opcodes]


@given(st.lists(st.one_of(st.sampled_from(OPCODES), st.binary(max_size=6)), max_size=60))
@example([b"\x80\x04", b"S'\\d'\n", b"."])
@example([b"\x80\x04", b"F1e\n", b"."])
def test_any_instructions_are_followed_or_given_up(parts: list[bytes]) -> None:
    assert isinstance(followed(b"".join(parts))[0].trouble, str)


# Only such values: for them the names that pickle itself imports are known.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES, st.sampled_from(range(6)))
def test_every_honest_pickle_is_followed_to_its_end(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol=protocol)
    stream = Stream(io.BytesIO(data + b"rest").read)
    calls = Calls()
    walked = walk(stream, Budget(), calls)
    assert walked.trouble == ""
    assert calls.judged == {}
    assert set(calls.names) <= {
        Imported("_codecs", "encode"),
        Imported("__builtin__", "bytes"),
        Imported("builtins", "bytearray"),
    }
    assert stream.tell() == len(data)
