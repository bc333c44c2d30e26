"""How corpus cases are written: each form of a layer's entry, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git, new_repository, run_git
from support.corpus_cases import (
    BASES,
    VERDICTS,
    Case,
    Content,
    MalformedCaseError,
    case_paths,
    read_base,
    read_case,
    tree_of,
)
from support.corpus_repositories import commit_files
from support.manifests import small_registry

from registry_tool.checks.engine import check

REGISTRY = b"schema: registry/v1\nname: acme-models\n"


def case_of(folder: Path, text: str) -> Case:
    path = folder / "X999" / "good" / "case.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return read_case(path)


def layer(entry: str, *, base: str = "only-registry") -> str:
    lines = "".join(f"  {line}\n" for line in entry.splitlines())
    return f"base: {base}\nchange:\n{lines}"


WAYS = {
    "text": ("a: |\n  x\n  y", {"a": b"x\ny\n"}),
    "base64": ("a: {base64: /w==}", {"a": b"\xff"}),
    "repeat": ("a: {text: x, repeat: ab, times: 2}", {"a": b"xabab"}),
    "repeat within": ("a: {text: 'x{repeat}z', repeat: y, times: 2}", {"a": b"xyyz"}),
    "numbered": ("a: {repeat: '{number}{next},', times: 3}", {"a": b"01,12,23,"}),
    "without": ("a: {text: 'AK{}IA', without: '{}'}", {"a": b"AKIA"}),
    "series": ("a{number}: {series: 2, text: x}", {"a00000": b"x", "a00001": b"x"}),
    "levels": ("'{levels}/a': {levels: 3, text: x}", {"d/d/d/a": b"x"}),
    "percent": ("caf%E9: {percent_encoded: true, text: x}", {"caf\udce9": b"x"}),
    "like": ("a: {like: registry.yaml}", {"a": REGISTRY}),
    "like, further up": ("a: x\nb: {like: a}", {"a": b"x", "b": b"x"}),
    "diff of another": (
        "a:\n  like: registry.yaml\n  diff: |\n    @@\n    -name: acme-models\n    +name: b",
        {"a": b"schema: registry/v1\nname: b\n"},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_give_a_file(way: str, tmp_path: Path) -> None:
    entry, expected = WAYS[way]
    head = case_of(tmp_path, layer(entry)).head
    assert {path: content.data for path, content in head.items()} == {
        "registry.yaml": REGISTRY,
        **expected,
    }


def test_modes_are_those_of_git(tmp_path: Path) -> None:
    head = case_of(
        tmp_path, layer('a: {text: b, mode: "120000"}\nregistry.yaml: {mode: "100755"}')
    ).head
    assert [(path, oct(content.mode)) for path, content in head.items()] == [
        ("registry.yaml", "0o100755"),
        ("a", "0o120000"),
    ]
    assert head["registry.yaml"].data == REGISTRY


def test_a_diff_edits_where_its_lines_are(tmp_path: Path) -> None:
    diff = """
registry.yaml:
  diff: |
    @@
    +# first
     schema: registry/v1
    @@
    -name: acme-models
    +name: other
    +remote: storage
"""
    head = case_of(tmp_path, layer(diff)).head
    assert head["registry.yaml"].data == (
        b"# first\nschema: registry/v1\nname: other\nremote: storage\n"
    )


def test_layers_follow_each_other(tmp_path: Path) -> None:
    case = case_of(tmp_path, "past: {a: x}\npublished: {a: y, b: z}\nchange: {a: null}\n")
    assert [sorted(state) for state in case.states] == [["a"], ["a", "b"], ["b"]]
    assert case.past is not None
    assert case.published is not None
    assert (case.past["a"].data, case.published["a"].data) == (b"x", b"y")


def test_folders_are_deleted_copied_moved_and_taken_from_other_registries(tmp_path: Path) -> None:
    model, version = "models/nlp/lang-id", "versions/1"
    entries = f"""
models/nlp/lid/: {{like: {model}/}}
{model}/: null
models/nlp/other/{version}/: {{from: two-versions, like: {model}/versions/2/}}
"""
    head = case_of(tmp_path, layer(entries, base="one-version")).head
    assert sorted(head) == [
        "models/nlp/lid/model.yaml",
        f"models/nlp/lid/{version}/model.bin.dvc",
        f"models/nlp/lid/{version}/version.yaml",
        "models/nlp/namespace.yaml",
        f"models/nlp/other/{version}/model.bin.dvc",
        f"models/nlp/other/{version}/version.yaml",
        "registry.yaml",
    ]
    assert b'version: "2"' in head[f"models/nlp/other/{version}/version.yaml"].data


MALFORMED = {
    "chnage: {}": "unknown: chnage",
    "[]": "a mapping is expected",
    "base: nothing": "there is no folder",
    layer("a: {txt: b}"): "unknown: txt",
    layer("a: {times: x, repeat: y}"): "times is not a number",
    layer("a: null"): "a does not exist",
    layer("a/: null"): "a/ does not exist",
    layer("a: {like: b}"): "does not have b",
    layer("a: {mode: '100755'}"): "does not have a",
    layer("registry.yaml: {like: registry.yaml}"): "registry.yaml is already so",
    layer("registry.yaml: {diff: '-x'}"): "a diff begins with @@",
    layer('registry.yaml: {diff: "@@\\n-x\\n"}'): "not there exactly once",
    layer('registry.yaml: {diff: "@@\\n+x\\n"}'): "not there exactly once",
    layer('registry.yaml: {diff: "@@\\nx\\n"}'): "each line begins with",
    layer('a: "x\\nx\\nx\\n"\nb: {like: a, diff: "@@\\n-x\\n-x\\n"}'): "not there exactly once",
}


@pytest.mark.parametrize("text", MALFORMED)
def test_a_case_that_does_not_say_what_it_seems_to_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedCaseError, match=MALFORMED[text]):
        case_of(tmp_path, text)


def test_shared_registries_pass_and_each_is_used() -> None:
    shared = {folder.name for folder in BASES.iterdir() if folder.is_dir()}
    for name in shared:
        assert [f for f in check(tree_of(read_base(name))).findings if f.severity == "refuse"] == []
    texts = [path.read_text() for verdict in VERDICTS for path in case_paths(verdict)]
    assert {text.split("\n")[0].removeprefix("base: ") for text in texts} >= shared


def test_the_example_in_the_documentation_is_a_case(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text()
    case = case_of(tmp_path, text.partition("```yaml\n")[2].partition("```")[0])
    assert case.published is not None
    findings = check(tree_of(case.head), base=tree_of(case.published)).findings
    told = [f"{f.path}:{f.line}:{f.column} {f.rule} {f.message}" for f in findings]
    assert told == case.expected.splitlines()


def test_objects_are_those_that_git_writes(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "r", small_registry() | {"models.md": "a", "models/a": "b"})
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    paths = [path.decode() for path in run_git(folder, "ls-files", "-z").split(b"\0")[:-1]]
    files = {path: Content((folder / path).read_bytes()) for path in paths}
    made = commit_files(folder, files, message="made")
    assert git(folder, "rev-parse", f"{made}^{{tree}}") == tree
    git(folder, "fsck", "--strict")
