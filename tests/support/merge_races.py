"""Pairs of changes that are made at the same time: what Git merges, what it does not, and what the check refuses then.

Each row has two changes to one registry, made on two branches. They are really merged, one after the other in both
orders, and the result of the second merge is judged by ``registry check`` against the main branch before it. Run as a
program this prints the table that the rows make::

    python tests/support/merge_races.py
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

from registry_tool.manifests.problems import JSON

# Run as a program, it finds its own package.
if not __package__:
    sys.path[0] = str(Path(__file__).parents[1])

from support import git, new_repository, write_files
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    metadata_yaml,
    model_files,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    small_registry,
    status_yaml,
    stored_artifact,
    tag_yaml,
    version_files,
    waiver_yaml,
)

__all__ = ["ROWS", "Outcomes", "Row", "race", "table"]

# Path to new text; None deletes the file.
Files = Mapping[str, str | None]

LANG = "models/nlp/lang-id"
EYES = "models/cv/eyes"
WAIVER = "waivers/2026-11-21-m203-rollout.yaml"


class Row(NamedTuple):
    """Two changes and what comes of them.

    Attributes:
        one: The first change, in words.
        other: The second.
        base: The registry that both start from.
        left: The files of the first change.
        right: The files of the second.
        forth: What comes of merging the second after the first: ``merges``, ``merges by itself``, ``conflicts``, or
            ``review`` or ``refused`` with the rules that say so.
        back: What comes of the other order; empty for the same.
        alone: What each change comes to when nobody else changes anything, where that is not ``merges``.
    """

    one: str
    other: str
    base: Mapping[str, str]
    left: Files
    right: Files
    forth: str
    back: str = ""
    alone: tuple[str, str] = ("merges", "merges")


class Outcomes(NamedTuple):
    """What came of a row: each change alone, then both orders."""

    alone: tuple[str, str]
    forth: str
    back: str


def alias(version: str, name: str = "production", **fields: JSON) -> Files:
    return {f"{LANG}/aliases/{name}.yaml": alias_yaml(version, "nlp/lang-id", **fields)}


def tag(version: str, name: str) -> Files:
    return {f"{LANG}/tags/{name}.yaml": tag_yaml(version)}


def status(version: str, state: str, **fields: JSON) -> Files:
    return {f"{LANG}/versions/{version}/status.yaml": status_yaml(state, **fields)}


def erased(version: str) -> Files:
    return {**status(version, "erased"), f"{LANG}/versions/{version}/model.bin.dvc": None}


def version(
    name: str, content: bytes = b"", model: str = "nlp/lang-id", blob_id: str = "", **fields: JSON
) -> Files:
    """A version with one artifact; ``blob_id`` is the artifact's external id."""
    own: dict[str, JSON] = {"external_id": blob_id} if blob_id else {}
    fields["artifacts"] = [stored_artifact(content or f"{model}@{name}".encode(), **own)]
    return version_files(name, model, **fields)


def model(**fields: JSON) -> Files:
    return {f"{LANG}/model.yaml": model_yaml("lang-id", "nlp", **fields)}


def policy(**fields: JSON) -> Files:
    return {"registry.yaml": registry_yaml(**fields)}


def production(minimum: float, **fields: JSON) -> dict[str, JSON]:
    """The stages of a registry with one stage and one gate."""
    gate: dict[str, JSON] = {"metric": "accuracy", "min": minimum}
    return {"stages": {"production": {"require": [gate]}}, **fields}


def note(version: str, name: str, text: str = "Looked at.") -> Files:
    record = BASE[f"{LANG}/versions/{version}/version.yaml"]
    path = f"{LANG}/versions/{version}/evidence/{name}.yaml"
    return {path: evidence_yaml(version, record=record, text=text)}


def laid(base: Mapping[str, str], *changes: Files) -> dict[str, str]:
    files: dict[str, str | None] = dict(base)
    for change in changes:
        files.update(change)
    return {path: text for path, text in files.items() if text is not None}


BASE = small_registry(versions=("1", "2", "3"))
TWO = laid(BASE, model_files("cv/eyes"), {"models/cv/namespace.yaml": namespace_yaml()})
EMPTY = laid({p: t for p, t in BASE.items() if not p.startswith(LANG)}, model())
SEMVER = laid(EMPTY, model(version_scheme="semver"), version("1.0.0"))
FREE = laid(BASE, model(version_scheme="free"))
GATED = laid(
    EMPTY,
    policy(**production(0.8)),
    version("1", metrics=[{"key": "accuracy", "value": 0.95}]),
    version("2", metrics=[{"key": "accuracy", "value": 0.85}]),
    alias("1"),
)
WAIVED = laid(
    BASE, {WAIVER: waiver_yaml("M203", f"{LANG}/aliases/production.yaml", expires="2099-12-31")}
)
TEAM: Files = {
    "schemas/team.json": '{"type": "object", "properties": {"gpu": {"type": "boolean"}}}\n',
    **policy(
        metadata_schemas=[
            {"schema": "schemas/team.json", "applies_to": "versions", "field": "metadata"}
        ]
    ),
}
MOVED: Files = {
    path.replace(LANG, "models/nlp/language-id"): BASE[path] for path in BASE if path.startswith(LANG)
}  # fmt: skip

_SAME = ("review C414", "merges")
_POLICY = ("review C409", "merges")
ROWS: tuple[Row, ...] = (
    # Versions
    Row(
        "version 1.1.0", "version 1.2.0", SEMVER, version("1.1.0"), version("1.2.0"), "merges",
    ),
    Row(
        "version 4, with a tag", "a version of another model", TWO,
        {**version("4"), **tag("4", "v4")}, version("2", model="cv/eyes"), "merges",
    ),
    Row("integer version 4", "integer version 5", BASE, version("4"), version("5"),
        "merges", "review C415"),
    Row("version 4", "version 4 of other bytes", BASE, version("4"), version("4", b"other"),
        "conflicts"),
    Row("version 1.1.0+cpu", "version 1.1.0+gpu", SEMVER, version("1.1.0+cpu"), version("1.1.0+gpu"),
        "refused M202"),
    Row("version Blue", "version blue", FREE, version("Blue"), version("blue"), "refused M202"),
    Row("version 4", "version 5 of the same bytes", BASE, version("4", content=b"twice"),
        version("5", content=b"twice"), "refused R308"),
    Row("version 4", "the same bytes in another model", TWO, version("4", content=b"twice"),
        version("2", model="cv/eyes", content=b"twice"), "merges"),
    Row("version 4 with external id x-1", "another model with external id x-1", TWO,
        version("4", external_id="x-1"),
        {f"{EYES}/model.yaml": model_yaml("eyes", "cv", external_id="x-1")}, "refused R306"),
    Row("an artifact with external id b-1", "another artifact with external id b-1", TWO,
        version("4", blob_id="b-1"),
        version("2", model="cv/eyes", blob_id="b-1"),
        "refused R307"),
    # Models and namespaces
    Row("new model lang-detect", "new model eyes", BASE, model_files("nlp/lang-detect"),
        model_files("nlp/eyes"), "merges"),
    Row("new model lang-detect", "new model Lang_Detect", BASE, model_files("nlp/lang-detect"),
        model_files("nlp/Lang_Detect"), "refused R302"),
    Row("new model lang-detect", "another model lang-detect", BASE, model_files("nlp/lang-detect"),
        model_files("nlp/lang-detect", description="Another."), "conflicts"),
    Row("new namespace cv", "namespace cv with other owners", BASE,
        {"models/cv/namespace.yaml": namespace_yaml()},
        {"models/cv/namespace.yaml": namespace_yaml(owners=["@acme/vision"])}, "conflicts"),
    Row("model moves on (moved_to)", "new version of it", TWO, model(moved_to="cv/eyes"), version("4"),
        "refused C405", "review C414", alone=_SAME),
    Row("model is archived", "new version of it", BASE, model(state="archived"), version("4"),
        "refused C405", "review C414", alone=_SAME),
    Row("model's folder is renamed (git mv)", "new version under the old name", BASE,
        {**dict.fromkeys((path for path in BASE if path.startswith(LANG)), None), **MOVED}, version("4"),
        "refused M214", "refused C401, C404, C413, F105, M214",
        alone=("refused C401, C404, C413, F105", "merges")),
    Row("a says moved_to: b", "b says moved_to: a", TWO, model(moved_to="cv/eyes"),
        {f"{EYES}/model.yaml": model_yaml("eyes", "cv", moved_to="nlp/lang-id")},
        "refused M207", alone=("review C414", "review C414")),
    Row("scheme of a model without versions", "its first version", EMPTY,
        model(version_scheme="semver"), version("1"), "refused M202", "refused C412, M202"),
    # Aliases
    Row("create an alias", "create it for another version", BASE, alias("2", "staging"),
        alias("3", "staging"), "conflicts"),
    Row("move an alias", "move it elsewhere", BASE, alias("2"), alias("3"), "conflicts"),
    Row("move an alias", "move it to the same version", BASE, alias("2"), alias("2"), "merges"),
    Row("move an alias", "delete it", BASE, alias("2"), {f"{LANG}/aliases/production.yaml": None},
        "conflicts"),
    Row("move an alias", "move another alias", laid(BASE, alias("1", "staging")), alias("2"),
        alias("3", "staging"), "merges"),
    Row("move an alias", "pin it where it is", BASE, alias("2"), alias("1", pinned=True), "conflicts"),
    Row("move a stage that has a reason", "pin it where it is", laid(GATED, alias("1", reason="The first.")),
        alias("2", reason="The first."), alias("1", reason="The first.", pinned=True),
        "merges", "refused C406"),
    Row("move a stage, with a reason", "roll it back, with a reason",
        laid(GATED, version("3", metrics=[{"key": "accuracy", "value": 0.9}]), alias("2", reason="Better.")),
        alias("3", reason="Best."), alias("1", reason="It was bad.", pinned=True),
        "conflicts"),
    Row("alias to version 2", "withdraw version 2", BASE, alias("2"), status("2", "withdrawn"),
        "refused M203"),
    Row("new alias on version 2", "erase version 2", BASE, alias("2", "staging"), erased("2"),
        "refused M203"),
    Row("alias to version 2", "deprecate version 2", BASE, alias("2"), status("2", "deprecated"),
        "merges"),
    Row("alias prod", "alias Prod", BASE, alias("2", "prod"), alias("3", "Prod"),
        "refused F110, M215", "refused M215", alone=("merges", "refused F110")),
    Row("delete an alias", "name it in the lineage of another model", TWO,
        {f"{LANG}/aliases/production.yaml": None},
        version("2", model="cv/eyes", lineage={"base_model": "nlp/lang-id@production"}),
        "refused M206"),
    # Tags, and names that two things claim
    Row("tag v1 on version 1", "tag v1 on version 2", BASE, tag("1", "v1"), tag("2", "v1"),
        "conflicts"),
    Row("tag v1 on version 1", "the same tag", BASE, tag("1", "v1"), tag("1", "v1"), "merges"),
    Row("tag stable", "alias stable", BASE, tag("2", "stable"), alias("2", "stable"), "refused M205"),
    Row("version blue", "alias blue", FREE, version("blue"), alias("2", "blue"), "refused M205"),
    Row("version blue", "tag blue", FREE, version("blue"), tag("2", "blue"), "refused M205"),
    Row("tag on version 2", "erase version 2", BASE, tag("2", "v2"), erased("2"), "refused M204"),
    # States, evidence, words
    Row("deprecate version 2", "withdraw version 2", BASE, status("2", "deprecated"),
        status("2", "withdrawn"), "conflicts"),
    Row("deprecate version 2", "erase version 2", BASE, status("2", "deprecated"), erased("2"),
        "conflicts"),
    Row("deprecate version 2", "deprecate version 3", BASE, status("2", "deprecated"),
        status("3", "deprecated"), "merges"),
    Row("evidence a", "evidence b", BASE, note("2", "a"), note("2", "b"), "merges"),
    Row("evidence a", "evidence a that says otherwise", BASE, note("2", "a"), note("2", "a", "Bad."),
        "conflicts"),
    Row("evidence for version 2", "erase version 2", BASE, note("2", "a"), erased("2"), "merges"),
    Row("words about version 2", "other words about version 2", BASE,
        {f"{LANG}/versions/2/metadata.yaml": metadata_yaml(description="Good.")},
        {f"{LANG}/versions/2/metadata.yaml": metadata_yaml(description="Bad.")}, "conflicts"),
    # Policy
    Row("severity of M208 becomes refuse", "alias to a deprecated version",
        laid(BASE, status("2", "deprecated")), policy(rules={"M208": "refuse"}), alias("2"),
        "refused M208", "review C409", alone=_POLICY),
    Row("a gate asks for more", "alias to a version that passed the old gate", GATED,
        policy(**production(0.9)), alias("2"), "refused C406", "review C409", alone=_POLICY),
    Row("an alias becomes a stage with a gate", "the alias moves", BASE, policy(**production(0.9)),
        alias("2"), "refused C406", "review C409", alone=_POLICY),
    Row("a gate asks for more", "a namespace repeats the old gate", GATED, policy(**production(0.9)),
        {"models/nlp/namespace.yaml": namespace_yaml(**production(0.8))},
        "refused R309", alone=("review C409", "review C409")),
    Row("aliases no longer merge by themselves", "an alias moves",
        laid(BASE, policy(automerge=["alias"])), policy(), alias("2"), "merges", "review C409",
        alone=("review C409", "merges by itself")),
    Row("metadata has a schema: `gpu` is true or false", "a version with `gpu: two`", BASE, TEAM,
        version("4", metadata={"gpu": "two"}), "refused M210", alone=_POLICY),
    Row("a waiver goes", "the change that needs it", WAIVED, {WAIVER: None}, status("1", "withdrawn"),
        "refused M203", "review C409", alone=_POLICY),
)  # fmt: skip


def _committed(folder: Path, branch: str, files: Files) -> None:
    """A branch that starts at ``start`` and has one commit of some files."""
    git(folder, "switch", "--quiet", "--create", branch, "start")
    for path in (path for path, text in files.items() if text is None):
        (folder / path).unlink()
    write_files(folder, {path: text for path, text in files.items() if text is not None})
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", branch)


def _merges(folder: Path, branch: str) -> bool:
    """Merge a branch into the one that is checked out; False when Git leaves a conflict."""
    try:
        git(folder, "merge", "--quiet", "--no-ff", "-m", f"Merge {branch}", branch)
    except AssertionError:
        if not git(folder, "ls-files", "--unmerged"):
            raise
        return False
    return True


def _verdict(folder: Path, base: str, head: str) -> str:
    """What ``registry check`` says of a change, in a word and the rules that decide it."""
    from registry_tool.cli.main import run

    words = ["check", "--repo", str(folder), "--base", base, "--head", head, "--format", "json"]
    with redirect_stdout(io.StringIO()) as out:
        run(words)
    report = json.loads(out.getvalue())
    found = report["findings"]
    rules = sorted({f["rule"] for f in found if f["severity"] == report["verdict"]})
    if report["automerge"]:
        return "merges by itself"
    word = {"pass": "merges", "review": "review", "refuse": "refused"}[report["verdict"]]
    return " ".join([word, ", ".join(rules)]).strip()


def _in_order(folder: Path, first: str, second: str) -> str:
    """Merge two branches, one after the other, and judge the second merge."""
    git(folder, "switch", "--quiet", "--force-create", "main", "start")
    if not _merges(folder, first):
        raise AssertionError(f"{first} does not merge into what it was made from")
    if not _merges(folder, second):
        git(folder, "merge", "--abort")
        return "conflicts"
    return _verdict(folder, "main~1", "main")


def race(row: Row, folder: Path) -> Outcomes:
    """Make a row's two changes in a new repository, and merge them in both orders."""
    new_repository(folder, row.base)
    git(folder, "branch", "start")
    _committed(folder, "left", row.left)
    _committed(folder, "right", row.right)
    alone = (_verdict(folder, "start", "left"), _verdict(folder, "start", "right"))
    return Outcomes(alone, _in_order(folder, "left", "right"), _in_order(folder, "right", "left"))


def table() -> str:
    """The rows as they come out, in Markdown."""
    lines = [
        "| one change | another, at the same time | merged in this order | in the other order |",
        "| --- | --- | --- | --- |",
    ]
    for row in ROWS:
        with tempfile.TemporaryDirectory() as place:
            found = race(row, Path(place) / "registry")
        lines.append(f"| {row.one} | {row.other} | {found.forth} | {found.back} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    # Nothing of the user's Git settings is asked, and nobody's name is needed.
    os.environ.update({"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"})
    for role in ("AUTHOR", "COMMITTER"):
        os.environ[f"GIT_{role}_NAME"] = "A. Tester"
        os.environ[f"GIT_{role}_EMAIL"] = "tester@example.org"
    sys.stdout.write(table())
