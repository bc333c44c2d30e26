"""The real program on odd YAML, hostile schemas, hand-written files, searches and licences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, run_program
from support.manifests import (
    metadata_yaml,
    model_yaml,
    registry_yaml,
    small_registry,
    stored_artifact,
    version_files,
)

from registry_tool.manifests.problems import JSON

Cli = Callable[..., Ran]
LANG = "models/nlp/lang-id"
HAND_WRITTEN = """\
# What the team says about it.
schema: metadata/v1
metadata:
    size:   010      # octal to some
    since: 2024-01-02
    unknown: ~

    notes: >-
        folded
        text
    'quoted' : "as it is"
    list: [a,   b]   # flow
labels: [ edge ]
"""


def test_odd_yaml_is_refused_with_its_place_and_published_files_stay(
    make_registry: Callable[..., Path],
) -> None:
    published = model_yaml() + 'metadata: {note: "x"}# glued\n'
    root = make_registry({**small_registry(), f"{LANG}/model.yaml": published})
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    whole = run_program("check", "--all", cwd=root)
    assert (whole.code, "F121" in whole.out, "warn" in whole.out) == (0, True, True)
    assert run_program("show", "nlp/lang-id", cwd=root).code == 0
    path = root / LANG / "model.yaml"
    for source, rule, words in (
        ("%YAML 1.3\n---\n" + model_yaml(), "F102", "a directive"),
        (model_yaml() + "labels: [-]\n", "F121", "a single dash inside brackets"),
        (
            model_yaml() + "metadata: { ?foo: bar }\n",
            "F121",
            "a word inside brackets begins with a question mark",
        ),
    ):
        path.write_text(source)
        refused = run_program("check", cwd=root)
        assert refused.code == 1
        assert rule in refused.out
        assert words in refused.out
        assert "Traceback" not in refused.out + refused.err
    path.write_text(model_yaml() + 'metadata: {"note"\n  : "x"}\t\n')
    assert run_program("check", cwd=root).code == 0


def _with_schema(schema: object) -> dict[str, str]:
    demand: JSON = [
        {"schema": "schemas/speech.json", "applies_to": "versions", "field": "metadata"}
    ]
    return {
        **small_registry(),
        "registry.yaml": registry_yaml(metadata_schemas=demand),
        "schemas/speech.json": json.dumps(schema),
        **version_files("3", metadata={"a" * 60: "a" * 60 + "b", "list": list(range(2_000))}),
    }


_DOUBLED = {
    f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
    for n in range(30)
}


@pytest.mark.parametrize(
    ("schema", "code", "rule"),
    [
        ({"additionalProperties": {"pattern": "^(a+)+$"}}, 1, "M210"),
        ({"patternProperties": {"^(a+)+$": {"pattern": "^(a|aa)+$"}}}, 1, "M210"),
        ({"additionalProperties": {"pattern": "^(?:(?=a)a+)+$"}}, 1, "R315"),
        ({"$ref": "#/$defs/d0", "$defs": {**_DOUBLED, "d30": {"type": "object"}}}, 1, "R316"),
        ({"$ref": "#"}, 1, "R316"),
    ],
    ids=["nested", "keys", "ahead", "doubled", "itself"],
)
def test_a_hostile_schema_gets_an_answer(
    make_registry: Callable[..., Path], schema: object, code: int, rule: str
) -> None:
    root = make_registry(_with_schema(schema))
    ran = run_program("check", "--all", cwd=root)
    assert ran.code == code
    assert rule in ran.out
    assert "Traceback" not in ran.out + ran.err


def test_annotate_leaves_every_other_byte(make_registry: Callable[..., Path]) -> None:
    path = f"{LANG}/versions/1/metadata.yaml"
    root = make_registry({**small_registry(), path: HAND_WRITTEN})
    ran = run_program("annotate", "nlp/lang-id@1", "colour=blue", "size=12", cwd=root)
    assert ran.code == 0, ran.err
    changed = HAND_WRITTEN.replace("size:   010  ", "size:   12  ")
    changed = changed.replace("   # flow\n", "   # flow\n    colour: blue\n")
    assert (root / path).read_text() == changed


def test_searches_parse_or_are_refused(make_registry: Callable[..., Path]) -> None:
    files = {
        **small_registry(),
        **version_files("3", metrics=[{"key": "accuracy", "value": 0.97}]),
        f"{LANG}/versions/3/metadata.yaml": metadata_yaml(description="Zoe\u0308s Wahl"),
    }
    root = make_registry(files)
    commit(root, "all")
    for query in ("accuracy==0.97", "metrics.accuracy > 0.9", "zoës AND accuracy>0.9"):
        found = run_program("search", query, cwd=root)
        assert (found.code, "nlp/lang-id@3" in found.out) == (0, True), found
    for query in ("accuracy=>0.9", "zoës OR edge", "NOT edge"):
        refused = run_program("search", query, cwd=root)
        assert (refused.code, refused.out) == (2, "")
        assert "try" in refused.err


def test_licences_for_models(make_registry: Callable[..., Path]) -> None:
    root = make_registry(small_registry())
    path = root / LANG / "model.yaml"
    for licence, code in (
        ("OpenMDW-1.0", 0),
        ("DocumentRef-acme:LicenseRef-weights", 0),
        ("GPL-2.0-only WITH Classpath-exception-2.0", 0),
        ("OpenMDW-9", 1),
    ):
        path.write_text(model_yaml(license=licence))
        ran = run_program("check", cwd=root)
        assert ran.code == code, ran.out
        assert ("M212" in ran.out) is bool(code)


@pytest.mark.parametrize("pattern", [r"^(?P<n>a|b)-(?P=n)$", "^b(?#why)-b$", "^(?>b+)-b$"])
def test_a_published_pattern_of_python_goes_on_with_a_warning(
    make_registry: Callable[..., Path], pattern: str
) -> None:
    third = version_files("3", metadata={"pair": "b-b"}, artifacts=[stored_artifact(b"third")])
    schema = {"properties": {"pair": {"pattern": pattern}}}
    root = make_registry({**_with_schema(schema), **third})
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    ran = run_program("check", "--all", cwd=root)
    assert (ran.code, "warn R315" in ran.out) == (0, True), ran.out
    assert "M210" not in ran.out


def test_a_number_of_a_file_that_is_too_large_is_refused_as_on_the_command_line(
    make_registry: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_registry(small_registry())
    (tmp_path / "fields.yaml").write_text("metadata: {seed: 18446744073709551615}\n")
    add = ("version", "add", "nlp/lang-id", "--framework", "custom")
    for given in (("--file", "../fields.yaml"), ("--metadata", "seed=18446744073709551615")):
        ran = run_program(*add, *given, cwd=root)
        assert (ran.code, "18446744073709551615 is too large" in ran.err) == (2, True)
    assert git(root, "status", "--porcelain") == ""
