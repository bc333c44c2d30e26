"""Whatever a tree holds, a check ends in a report: bytes and names are mangled at random, from fixed seeds."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping

import pytest
from support.manifests import evidence_yaml, metadata_yaml, small_registry, status_yaml, waiver_yaml

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import resolve
from registry_tool.catalog.search.query import parse_query, search
from registry_tool.catalog.search.summary_cache import Rows
from registry_tool.checks.engine import check
from registry_tool.checks.reports.formats import FORMATS, render
from registry_tool.errors import RegistryError
from registry_tool.git.tree import DictTree
from registry_tool.manifests.yaml.explain import explain

_TREES = 60
_TOKENS = [
    b"null", b"[]", b"{}", b"- ", b": ", b"\n", b"'", b'"', b"&a ", b"*a", b"!!python/object ", b"? [x]\n: 1\n",
    b"1e999", b"010", b"0x1F", b"\xff", b"\x00", b"\xed\xa0\x80", b"\xe2\x80\xae", b"..", b"/", b"~", b"true",
    b"9" * 30, b"nlp/lang-id@1", b"a" * 5000, b"[[[[" * 30, b"version/v2", b"alias/v1", b"schema: ", b"-1", b'"": ',
]  # fmt: skip
_PARTS = ["..", "-x", "a\nb", "\uff2e", "latest", "x" * 300, "\udce9", "a b", ".git", "con"]  # fmt: skip


def _files() -> dict[str, bytes]:
    version = "models/nlp/lang-id/versions"
    files = small_registry()
    files |= {
        f"{version}/1/metadata.yaml": metadata_yaml(metadata={"a": 1}, labels=["x"]),
        f"{version}/1/evidence/note.yaml": evidence_yaml(record=files[f"{version}/1/version.yaml"]),
        f"{version}/2/status.yaml": status_yaml(),
        "waivers/2026-01-01-a501-x.yaml": waiver_yaml(),
    }
    return {path: text.encode() for path, text in files.items()}


def _mangled(data: bytes, rnd: random.Random) -> bytes:
    for _ in range(rnd.randint(1, 4)):
        lines = data.split(b"\n")
        row = rnd.randrange(len(lines))
        start = rnd.randint(0, len(data))
        end = min(len(data), start + rnd.randint(0, 30))
        match rnd.randrange(5):
            case 0:
                data = data[:start] + rnd.choice(_TOKENS) + data[end:]
            case 1:
                data = data[:start] + data[end:]
            case 2:
                lines[row] = lines[row].split(b":")[0] + b": " + rnd.choice(_TOKENS)
                data = b"\n".join(lines)
            case 3:
                lines.insert(row, rnd.choice(lines))
                data = b"\n".join(lines)
            case _:
                del lines[row]
                data = b"\n".join(lines)
    return data


def _moved(path: str, rnd: random.Random) -> str:
    parts = path.split("/")
    place = rnd.randrange(len(parts))
    parts[place] = rnd.choice([*_PARTS, parts[place].upper(), f"{parts[place]}.yaml"])
    return "/".join(parts)


def _tree(base: Mapping[str, bytes], rnd: random.Random) -> DictTree:
    files = dict(base)
    for _ in range(rnd.randint(1, 3)):
        path = rnd.choice(list(files))
        if rnd.random() < 0.2:
            files[_moved(path, rnd)] = files.pop(path)
        else:
            files[path] = _mangled(files[path], rnd)
    modes = {p: rnd.choice([0o100755, 0o120000, 0o160000]) for p in files if rnd.random() < 0.02}
    return DictTree(files, modes=modes)


@pytest.mark.parametrize("seed", range(6))
def test_a_check_of_anything_ends_in_a_report(seed: int) -> None:
    rnd = random.Random(seed)
    base = _files()
    assert check(DictTree(base)).verdict == "pass"
    refused = 0
    for _ in range(_TREES):
        tree = _tree(base, rnd)
        report = check(tree)
        refused += report.verdict == "refuse"
        for form in FORMATS:
            assert render(report, form).encode()
        check(tree, base=DictTree(base))
        for reference in ("nlp/lang-id", "nlp/lang-id@production", "nlp/lang-id@2"):
            with contextlib.suppress(RegistryError):
                resolve(Catalog(tree), reference)
        with contextlib.suppress(RegistryError):
            query = parse_query(["language", "accuracy>0.5"], versions=False)
            list(search(Rows(Catalog(tree)), query))
    assert refused > _TREES / 2


@pytest.mark.parametrize("source", [b'? [x]\n: 1\n"": 2\n', b'? {a: b}\n"": 1\n"": 2\n'])
def test_keys_that_are_no_text_beside_an_empty_one(source: bytes) -> None:
    assert explain(source).problems[0].message == "a key is not text"
