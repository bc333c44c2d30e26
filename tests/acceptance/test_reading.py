"""The reading half of the command line, as a person or a program in a job uses it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, run_program, write_files
from support.manifests import (
    MODEL_BYTES,
    alias_yaml,
    model_yaml,
    registry_yaml,
    small_registry,
    version_yaml,
)

Make = Callable[..., Path]
Cli = Callable[..., Ran]
FOLDER = "models/nlp/lang-id"
LATIN_AND_CYRILLIC = "nlp/l\u0430ng-id"  # the third letter is Cyrillic


def read_json(ran: Ran) -> object:
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


# --- resolve


def test_resolve(cli: Cli, registry: Path) -> None:
    ran = cli("resolve", "nlp/lang-id@production", cwd=registry)
    assert ran == Ran(0, "nlp/lang-id@3  alias, active\n", "")


def test_resolve_for_programs(cli: Cli, registry: Path) -> None:
    data = read_json(cli("resolve", "nlp/lang-id@production", "--format", "json", cwd=registry))
    assert data == {
        "reference": "nlp/lang-id@production",
        "model": "nlp/lang-id",
        "version": "3",
        "commit": git(registry, "rev-parse", "HEAD"),
        "state": "active",
        "artifacts": [
            {
                "name": "model",
                "path": "model.bin",
                "size": 13,
                "sha256": hashlib.sha256(b"nlp/lang-id@3").hexdigest(),
            },
            {
                "name": "vocab",
                "path": "vocab.bin",
                "size": 13,
                "sha256": hashlib.sha256(b"a vocabulary\n").hexdigest(),
            },
            {"name": "eval", "uri": "s3://bucket/eval.parquet", "size": None, "sha256": None},
        ],
    }


@pytest.mark.parametrize(
    ("edit", "committed"),
    [
        ({}, True),
        ({"README.md": "unrelated"}, True),
        ({f"{FOLDER}/aliases/edge.yaml": alias_yaml("1")}, True),
        ({f"{FOLDER}/aliases/production.yaml": alias_yaml("1")}, False),
        ({f"{FOLDER}/versions/3/version.yaml": version_yaml("3")}, False),
        ({"registry.yaml": registry_yaml(description="Ours.")}, False),
    ],
)
def test_the_commit_is_the_one_that_gives_the_answer(
    cli: Cli, registry: Path, edit: dict[str, str], *, committed: bool
) -> None:
    write_files(registry, edit)
    ran = cli("resolve", "nlp/lang-id@production", "--format", "json", cwd=registry)
    data = read_json(ran)
    assert isinstance(data, dict)
    assert data["commit"] == (git(registry, "rev-parse", "HEAD") if committed else None)
    assert ("note:  this version is not committed\n" in ran.err) is not committed


def test_resolve_at_a_revision(cli: Cli, registry: Path) -> None:
    first = git(registry, "rev-parse", "HEAD")
    write_files(registry, {f"{FOLDER}/aliases/production.yaml": alias_yaml("1")})
    commit(registry)
    arguments = ("resolve", "nlp/lang-id@production", "--format", "json")
    data = read_json(cli(*arguments, "--ref", first, cwd=registry))
    assert isinstance(data, dict)
    assert (data["version"], data["commit"]) == ("3", first)
    ran = cli("resolve", "nlp/lang-id@production", cwd=registry)
    assert ran.out == "nlp/lang-id@1  alias, deprecated\n"
    assert ran.err == "note:  nlp/lang-id@1 is deprecated: It is out of date.; use 3\n"


def test_withdrawn_versions_are_not_served(cli: Cli, registry: Path) -> None:
    ran = cli("resolve", "nlp/lang-id@2", "--format", "json", cwd=registry)
    assert (ran.code, ran.out) == (1, "")
    assert "nlp/lang-id@2 is withdrawn: It is wrong." in ran.err
    ran = cli("resolve", "nlp/lang-id@2", "--allow-withdrawn", cwd=registry)
    assert (ran.code, ran.out) == (0, "nlp/lang-id@2  version, withdrawn\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["resolve", "nlp/lang-id@production", "--format", "json"],
        ["resolve", "nlp/lang-id", "--ref", "HEAD"],
        ["fetch", "nlp/lang-id@production"],
        ["list"],
    ],
)
def test_a_read_starts_without_heavy_imports(registry: Path, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom registry_tool.cli.main import run\n"
        f"code = run({arguments!r})\n"
        "heavy = {'pydantic', 'jsonschema', 'git', 'rich', 'dvc', 'ruamel.yaml', 'packaging'}\n"
        "print(code, sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    ran = _python(code, registry)
    assert ran.err.splitlines()[-1] == "0 []"


def _python(code: str, cwd: Path) -> Ran:
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, check=False)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


# --- list, show, search, compare


def test_list_models(cli: Cli, registry: Path) -> None:
    expected = "nlp/lang-id  3 versions  latest 3  production=3\n"
    assert cli("list", cwd=registry) == Ran(0, expected, "")
    assert cli("list", "nlp", cwd=registry / "models").out == expected
    assert cli("list", "--task", "other", cwd=registry) == Ran(0, "", "note:  nothing found\n")


def test_list_filters(cli: Cli, make_registry: Make) -> None:
    other = {
        "models/nlp/edge/model.yaml": model_yaml(
            "edge", labels=["edge", "cpu"], owner="@acme/edge", task="t"
        )
    }
    root = make_registry(small_registry() | other)
    for option in (["--label", "edge"], ["--owner", "@acme/edge"], ["--task", "t"]):
        assert [line.split()[0] for line in cli("list", *option, cwd=root).out.splitlines()] == [
            "nlp/edge"
        ]
    assert cli("list", "--label", "edge", "--label", "gpu", cwd=root).out == ""


def test_list_versions(cli: Cli, registry: Path) -> None:
    assert cli("list", "nlp/lang-id", cwd=registry).out.splitlines() == [
        "3  active      2026-11-21  production  fasttext  accuracy=0.97",
        "2  withdrawn   2026-11-21              fasttext",
        "1  deprecated  2026-11-21  first       fasttext",
    ]


def test_list_for_programs(cli: Cli, registry: Path) -> None:
    assert read_json(cli("list", "--format", "json", cwd=registry)) == [
        {
            "model": "nlp/lang-id",
            "title": None,
            "versions": 3,
            "latest": "3",
            "aliases": {"production": "3"},
            "task": "language-identification",
            "owner": "@acme/speech",
            "labels": [],
            "state": "live",
        }
    ]
    rows = read_json(cli("list", "nlp/lang-id", "--format", "json", cwd=registry))
    assert isinstance(rows, list)
    assert [(r["version"], r["state"], r["aliases"], r["tags"], r["metrics"]) for r in rows] == [
        ("3", "active", ["production"], [], {"accuracy": 0.97}),
        ("2", "withdrawn", [], [], {}),
        ("1", "deprecated", [], ["first"], {}),
    ]


def test_one_broken_file_does_not_hide_the_others(cli: Cli, registry: Path) -> None:
    write_files(
        registry,
        {f"{FOLDER}/versions/2/version.yaml": "x: [", "models/nlp/bad/model.yaml": "x: ["},
    )
    ran = cli("list", cwd=registry)
    assert (ran.code, ran.out.split()[0]) == (0, "nlp/lang-id")
    assert "cannot read nlp/bad; see `registry check --all`" in ran.err
    ran = cli("list", "nlp/lang-id", cwd=registry)
    assert [line.split()[0] for line in ran.out.splitlines()] == ["3", "1"]
    assert "cannot read nlp/lang-id@2; see" in ran.err
    ran = cli("show", "nlp/lang-id@2", cwd=registry)
    assert (ran.code, ran.out) == (1, "")
    assert f"{FOLDER}/versions/2/version.yaml:" in ran.err


def test_empty_registry(cli: Cli, make_registry: Make) -> None:
    root = make_registry({"registry.yaml": registry_yaml()})
    assert cli("list", cwd=root) == Ran(0, "", "note:  nothing found\n")
    assert cli("list", "--format", "json", cwd=root).out == "[]\n"


def test_show_a_model(cli: Cli, registry: Path) -> None:
    ran = cli("show", "nlp/lang-id", cwd=registry)
    assert ran.out.splitlines() == [
        "nlp/lang-id  live",
        "owner        @acme/speech",
        "task         language-identification",
        "description  Tells 176 languages apart.",
        "scheme       integer",
        "versions     3: 3, 2, 1",
        "aliases      production=3",
        "tags         first=1",
    ]
    data = read_json(cli("show", "nlp/lang-id", "--format", "json", cwd=registry))
    assert isinstance(data, dict)
    assert data["versions"] == ["1", "2", "3"]
    assert data["record"]["owner"] == "@acme/speech"


def test_show_a_version(cli: Cli, registry: Path) -> None:
    lines = cli("show", "nlp/lang-id@production", cwd=registry).out.splitlines()
    assert lines[0] == "nlp/lang-id@3  active"
    for line in (
        "description  Trained on more text.",
        "labels       edge",
        "  accuracy  0.97",
        "  model  model      13 B  model.bin                 75ff74357bce",
        "  eval   dataset    ?     s3://bucket/eval.parquet",
        "  pip_packages    fasttext==0.9.3",
        "  base_model  nlp/lang-id@1",
        "  holdout  evaluation  @acme/speech  2026-11-21  holdout-2026 pass",
    ):
        assert line in lines
    data = read_json(cli("show", "nlp/lang-id@3", "--format", "json", cwd=registry))
    assert isinstance(data, dict)
    assert (data["aliases"], data["labels"], data["metrics"]) == (
        ["production"],
        ["edge"],
        {"accuracy": 0.97},
    )
    assert data["evidence"][0]["id"] == "holdout"


def test_show_a_withdrawn_version(cli: Cli, registry: Path) -> None:
    lines = cli("show", "nlp/lang-id@2", cwd=registry).out.splitlines()
    assert lines[:2] == [
        "nlp/lang-id@2  withdrawn",
        "nlp/lang-id@2 is withdrawn: It is wrong.",
    ]


def test_search(cli: Cli, registry: Path) -> None:
    assert cli("search", "languages", cwd=registry).out.startswith("nlp/lang-id  ")
    ran = cli("search", "accuracy>=0.9", cwd=registry)
    assert ran.out == "nlp/lang-id@3  active  accuracy=0.97  Trained on more text.\n"
    assert cli("search", "zzz", cwd=registry) == Ran(0, "", "note:  nothing found\n")
    ran = cli("search", "--versions", "lang", "--limit", "2", cwd=registry)
    assert len(ran.out.splitlines()) == 2
    assert "more than 2" in ran.err
    rows = read_json(cli("search", "alias:production", "--format", "json", cwd=registry))
    assert isinstance(rows, list)
    assert [(row["model"], row["version"]) for row in rows] == [("nlp/lang-id", "3")]


@pytest.mark.parametrize("query", ["colour:red", "accuracy>=high", 'label:"x', "state:asleep"])
def test_a_wrong_query_prints_only_the_error(cli: Cli, registry: Path, query: str) -> None:
    ran = cli("search", query, "--format", "json", cwd=registry)
    assert (ran.code, ran.out) == (2, "")
    assert "try:" in ran.err


def test_compare(cli: Cli, registry: Path) -> None:
    lines = cli("compare", "nlp/lang-id@1", "nlp/lang-id@3", cwd=registry).out.splitlines()
    assert lines[0] == "nlp/lang-id@1  →  nlp/lang-id@3"
    assert "  accuracy  -     0.97   added" in lines
    assert "  model  21 B 7ea39a2d7a5f  13 B 75ff74357bce         changed" in lines
    data = read_json(
        cli("compare", "nlp/lang-id@1", "nlp/lang-id@3", "--format", "json", cwd=registry)
    )
    assert isinstance(data, dict)
    assert data["same_identity"] is False
    assert {row["name"]: row["change"] for row in data["artifacts"]} == {
        "model": "changed",
        "vocab": "added",
        "eval": "added",
    }


def test_compare_shows_which_way_a_metric_went(cli: Cli, make_registry: Make) -> None:
    files = small_registry()
    for version, value in (("1", 0.5), ("2", 0.25)):
        path = f"{FOLDER}/versions/{version}/version.yaml"
        files[path] = version_yaml(version, metrics=[{"key": "accuracy", "value": value}])
    ran = cli("compare", "nlp/lang-id@1", "nlp/lang-id@2", cwd=make_registry(files))
    assert "  accuracy  0.5   0.25   changed ↓ -0.25" in ran.out.splitlines()


# --- fetch


def test_fetch_into_the_cache(cli: Cli, registry: Path) -> None:
    ran = cli("fetch", "nlp/lang-id@production", cwd=registry)
    assert ran.code == 0
    path, size, digest = ran.out.splitlines()[0].rsplit("  ", 2)
    assert Path(path.strip()).read_bytes() == b"nlp/lang-id@3"
    assert (size, digest) == ("13 B", hashlib.sha256(b"nlp/lang-id@3").hexdigest())
    assert ran.err == "note:  not fetched, tracked elsewhere: eval  s3://bucket/eval.parquet\n"


def test_fetch_into_a_folder(cli: Cli, registry: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):  # the same bytes again are fine
        ran = cli("fetch", "nlp/lang-id@3", "-o", str(out), cwd=registry)
        assert ran.code == 0
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {
        "model.bin": b"nlp/lang-id@3",
        "vocab.bin": b"a vocabulary\n",
    }


def test_fetch_does_not_overwrite(cli: Cli, registry: Path, tmp_path: Path) -> None:
    write_files(tmp_path / "out", {"model.bin": "my own"})
    arguments = ("fetch", "nlp/lang-id@3", "-o", str(tmp_path / "out"))
    ran = cli(*arguments, cwd=registry)
    assert (ran.code, ran.out) == (1, "")
    assert "--overwrite" in ran.err
    assert (tmp_path / "out" / "model.bin").read_bytes() == b"my own"
    assert cli(*arguments, "--overwrite", cwd=registry).code == 0
    assert (tmp_path / "out" / "model.bin").read_bytes() == b"nlp/lang-id@3"


def test_fetch_one_artifact(cli: Cli, registry: Path) -> None:
    data = read_json(
        cli("fetch", "nlp/lang-id@3", "--artifact", "vocab", "--format", "json", cwd=registry)
    )
    assert isinstance(data, dict)
    assert [a["name"] for a in data["artifacts"]] == ["vocab"]
    assert data["not_fetched"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nlp/lang-id@3", "--artifact", "none"], 2, "its artifacts: model, vocab, eval"),
        (["nlp/lang-id@3", "--artifact", "eval"], 2, "read it at s3://bucket/eval.parquet"),
        (["nlp/lang-id@2"], 1, "is withdrawn"),
        (["nlp/lang-id@2", "--allow-withdrawn"], 4, "is missing from the remote storage"),
        (["nlp/lang-id@1", "--offline"], 4, "--offline forbids"),
    ],
)
def test_what_cannot_be_fetched(
    cli: Cli, registry: Path, arguments: list[str], code: int, words: str
) -> None:
    ran = cli("fetch", *arguments, "--format", "json", cwd=registry)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


def test_offline_uses_the_cache(cli: Cli, registry: Path) -> None:
    assert cli("fetch", "nlp/lang-id@1", cwd=registry).code == 0
    (registry / "storage").rename(registry / "gone")
    ran = cli("fetch", "nlp/lang-id@1", "--offline", cwd=registry)
    assert ran.code == 0
    assert Path(ran.out.split("  ")[0]).read_bytes() == MODEL_BYTES
    assert "is deprecated" in ran.err


def test_wrong_bytes_are_not_kept(cli: Cli, registry: Path, tmp_path: Path) -> None:
    md5 = hashlib.md5(MODEL_BYTES, usedforsecurity=False).hexdigest()
    (registry / "storage" / "files" / "md5" / md5[:2] / md5[2:]).write_bytes(
        b"x" * len(MODEL_BYTES)
    )
    ran = cli("fetch", "nlp/lang-id@1", "-o", str(tmp_path / "out"), cwd=registry)
    assert (ran.code, ran.out) == (4, "")
    assert "does not match its manifest" in ran.err
    assert not (tmp_path / "out").exists()


# --- what a user gets wrong, and where a registry may lie


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nlp/lang-ib", "did you mean nlp/lang-id?"),
        ("nlp/lang-id@prodution", "did you mean production?"),
        ("none/such", "model none/such does not exist"),
        ("nlp/lang-id@9", "has no version, tag or alias 9"),
        ("", "is not a model name"),
        ("@", "is not a model name"),
        ("nlp/lang-id@", "is not a reference"),
        ("a/b/c", "is not a namespace name"),
        ("../../etc/passwd", "is not a namespace name"),
        ("nlp/..", "is not a model name"),
        ("nlp/lang-id@../1", "is not a reference"),
        ("nlp/lang\nid", r"'lang\nid' is not a model name"),
        (LATIN_AND_CYRILLIC, r"'l\u0430ng-id' is not a model name"),
        ("nlp/\x1b[31mred", r"'\x1b[31mred' is not a model name"),
        ("n" * 300, "is not a model name"),
        ("-x/y", "is not a namespace name"),
    ],
)
@pytest.mark.parametrize("command", ["resolve", "show", "fetch"])
def test_wrong_references(
    cli: Cli, registry: Path, command: str, reference: str, words: str
) -> None:
    asked = reference if "@" in reference or command != "show" else f"{reference}@1"
    ran = cli(command, "--format", "json", "--", asked, cwd=registry)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert "\x1b" not in ran.err
    assert len(ran.err) < 300


@pytest.mark.parametrize("name", ["nlp/..", "../nlp", "n" * 300, "nlp\n", LATIN_AND_CYRILLIC])
def test_wrong_names_to_list(cli: Cli, registry: Path, name: str) -> None:
    ran = cli("list", "--format", "json", "--", name, cwd=registry)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")


def test_an_option_that_is_none(cli: Cli, registry: Path) -> None:
    ran = cli("resolve", "-x", cwd=registry)
    assert (ran.code, ran.out) == (2, "")
    assert "No such option" in ran.err


@pytest.mark.parametrize("ref", ["nope", "--upload-pack=x", "HEAD:models", "a..b", "\n", ""])
def test_unknown_revisions(cli: Cli, registry: Path, ref: str) -> None:
    ran = cli("list", "--format", "json", f"--ref={ref}", cwd=registry)
    if ref == "":
        assert ran.code == 0
        return
    assert (ran.code, ran.out) == (2, "")
    assert "is not a commit, branch or tag" in ran.err


READS = [
    ["list"],
    ["list", "nlp/lang-id"],
    ["show", "nlp/lang-id@production"],
    ["resolve", "nlp/lang-id@production"],
    ["search", "alias:production"],
    ["compare", "nlp/lang-id@1", "nlp/lang-id@2"],
]


@pytest.mark.parametrize("arguments", READS)
def test_no_registry_here(
    cli: Cli, make_registry: Make, tmp_path: Path, arguments: list[str]
) -> None:
    other = make_registry({"README.md": "x"}, name="other")
    ran = cli(*arguments, "--format", "json", cwd=other)
    assert (ran.code, ran.out) == (2, "")
    assert "not a registry" in ran.err
    (tmp_path / "empty").mkdir()
    ran = cli(*arguments, "--format", "json", cwd=tmp_path / "empty")
    assert (ran.code, ran.out) == (2, "")
    assert "not in a Git repository" in ran.err
    git(tmp_path / "empty", "init", "--quiet")
    ran = cli(*arguments, "--format", "json", cwd=tmp_path / "empty")
    assert (ran.code, ran.out) == (2, "")
    assert "has no commits yet" in ran.err


@pytest.mark.parametrize("arguments", READS)
def test_wherever_a_registry_lies(
    cli: Cli, make_registry: Make, tmp_path: Path, arguments: list[str]
) -> None:
    root = make_registry(small_registry())
    expected = cli(*arguments, cwd=root)
    assert expected.code == 0
    git(tmp_path, "clone", "--quiet", "--bare", str(root), "bare.git")
    assert cli(*arguments, cwd=tmp_path / "bare.git") == expected
    assert cli(*arguments, "--repo", f"file://{root}", cwd=tmp_path) == expected
    assert cli(*arguments, "--ref", "main", cwd=root / "models") == expected
    git(root, "switch", "--quiet", "--detach")
    assert cli(*arguments, cwd=root) == expected
    (tmp_path / "unborn").mkdir()
    git(tmp_path / "unborn", "init", "--quiet")
    write_files(tmp_path / "unborn", small_registry())
    assert cli(*arguments, cwd=tmp_path / "unborn") == expected


def test_an_unborn_registry_has_no_commit(cli: Cli, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write_files(tmp_path, small_registry())
    ran = cli("resolve", "nlp/lang-id", "--format", "json", cwd=tmp_path)
    data = read_json(ran)
    assert isinstance(data, dict)
    assert data["commit"] is None
    assert "not committed" in ran.err


def test_control_characters_in_a_description_are_harmless(cli: Cli, make_registry: Make) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07 \u202etxt.exe\nsecond line"
    root = make_registry(
        small_registry() | {f"{FOLDER}/model.yaml": model_yaml(description=hostile)}
    )
    for arguments in (["show", "nlp/lang-id"], ["search", "owned"], ["list"]):
        ran = cli(*arguments, cwd=root)
        assert ran.code == 0
        assert not any(ord(c) < 32 and c != "\n" for c in ran.out)
        assert "\u202e" not in ran.out
    assert "\\u001b[2J" in cli("show", "nlp/lang-id", cwd=root).out


def test_folders_with_hostile_names_can_be_listed(cli: Cli, make_registry: Make) -> None:
    root = make_registry(small_registry())
    for name in (b"a\xff", b"b\x1b[31m", b"-rf"):
        folder = Path(
            bytes(root / "models" / "nlp").decode() + "/" + name.decode(errors="surrogateescape")
        )
        write_files(folder, {"model.yaml": model_yaml(), "versions/1/version.yaml": version_yaml()})
    ran = cli("list", cwd=root)
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert "nlp/lang-id" in ran.out
    ran = cli("list", "--format", "json", cwd=root)
    ran.out.encode()
    assert len(json.loads(ran.out)) == 4


def test_as_a_process(registry: Path) -> None:
    ran = run_program("resolve", "nlp/lang-id@production", cwd=registry)
    assert ran == Ran(0, "nlp/lang-id@3  alias, active\n", "")
    ran = run_program("resolve", "nlp/none", "--format", "json", cwd=registry)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("command", [("list",), ("show", "nlp/lang-id"), ("resolve", "nlp/lang-id"), ("search", "a"), ("history", "nlp/lang-id"), ("tag", "add", "nlp/lang-id@1", "x")])  # fmt: skip
def test_a_registry_of_a_later_release_is_not_read_by_a_guess(
    cli: Cli, make_registry: Make, command: tuple[str, ...]
) -> None:
    files = small_registry()
    root = make_registry(
        files | {"registry.yaml": files["registry.yaml"].replace("registry/v1", "registry/v2")}
    )
    ran = cli(*command, cwd=root)
    assert (ran.code, ran.out) == (4, "")
    assert "registry.yaml: this version of registry-tool does not know registry/v2" in ran.err
    assert "pip install -U registry-tool" in ran.err


def test_the_value_of_a_metric_is_the_one_that_was_added_last(registry: Path, cli: Cli) -> None:
    """The names of the files end in digests of their content, so their order says nothing."""
    add = ("evidence", "add", "nlp/lang-id@1", "--kind", "metrics", "--commit", "--metric")
    for value in range(1, 6):
        assert cli(*add, f"recall=0.{value}", cwd=registry).code == 0
        shown = json.loads(cli("show", "nlp/lang-id@1", "--format", "json", cwd=registry).out)
        assert shown["metrics"]["recall"] == value / 10
