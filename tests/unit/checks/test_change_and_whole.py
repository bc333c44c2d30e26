"""The check of a change finds what the check of everything finds: it looks at less, and misses nothing.

Starting from a registry without findings, everything that is wrong afterwards came with the change.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable

from hypothesis import example, given, settings
from hypothesis import strategies as st
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
    tracked_artifact,
    version_files,
)

from registry_tool.checks.engine import check
from registry_tool.checks.findings import Finding
from registry_tool.git.tree import DictTree

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
# Only a check of everything looks across models for these (docs/decisions/0011).
ACROSS = frozenset({"R312"})
# Where two files are at odds, a check of the change names the newcomer and a check of everything the later one.
BLAME = frozenset({"R302", "R306", "R307", "R308", "M207"})
Files = dict[str, str]

LANG, DETECT = "models/nlp/lang-id", "models/nlp/detect"
BASE: Files = {
    **small_registry(versions=("1", "2", "3")),
    **model_files("nlp/detect", versions=("1",), continues="nlp/lang-id"),
    **model_files("nlp/other", versions=("1",)),
    **version_files(
        "2", "nlp/other", artifacts=[tracked_artifact(external_id="blob-1")],
        lineage={"base_model": "nlp/lang-id@2"}, external_id="run-1",
    ),
    f"{LANG}/versions/2/status.yaml": status_yaml("deprecated", replaced_by="3"),
    f"{LANG}/versions/3/metadata.yaml": metadata_yaml(labels=["edge"]),
    "models/nlp/other/aliases/champion.yaml": alias_yaml("2", "nlp/other"),
    "models/nlp/other/tags/v2.yaml": tag_yaml("2", "nlp/other"),
    "models/nlp/user/model.yaml": model_yaml("user", moved_to="nlp/other"),
}  # fmt: skip

EDITS: dict[str, Callable[[Files], object]] = {
    "no version 1": lambda f: [f.pop(p) for p in list(f) if p.startswith(f"{LANG}/versions/1/")],
    "no version 2": lambda f: [f.pop(p) for p in list(f) if p.startswith(f"{LANG}/versions/2/")],
    "no record": lambda f: f.pop(f"{LANG}/versions/3/version.yaml", None),
    "no pointer": lambda f: f.pop(f"{LANG}/versions/3/model.bin.dvc", None),
    "no model": lambda f: [f.pop(p) for p in list(f) if p.startswith("models/nlp/lang-id/")],
    "no model.yaml": lambda f: f.pop("models/nlp/other/model.yaml", None),
    "no tag": lambda f: f.pop(f"{LANG}/tags/first.yaml", None),
    "no namespace": lambda f: f.pop("models/nlp/namespace.yaml", None),
    "alias nowhere": lambda f: f.update({f"{LANG}/aliases/production.yaml": alias_yaml("9")}),
    "alias deprecated": lambda f: f.update({f"{LANG}/aliases/production.yaml": alias_yaml("2")}),
    "withdrawn": lambda f: f.update({f"{LANG}/versions/1/status.yaml": status_yaml("withdrawn")}),
    "withdrawn other": lambda f: f.update(
        {"models/nlp/other/versions/2/status.yaml": status_yaml("withdrawn")}
    ),
    "erased": lambda f: f.update({f"{LANG}/versions/1/status.yaml": status_yaml("erased")}),
    "new version": lambda f: f.update(
        version_files("4", artifacts=[stored_artifact(b"four")])
    ),
    "equal version": lambda f: f.update(version_files("5", artifacts=[stored_artifact(b"nlp/lang-id@2")])),
    "equal elsewhere": lambda f: f.update(
        version_files("7", "nlp/detect", artifacts=[stored_artifact(b"nlp/lang-id@2")])
    ),
    "same id": lambda f: f.update(
        version_files("6", artifacts=[stored_artifact(b"six")], external_id="run-1")
    ),
    "same blob id": lambda f: f.update(
        version_files("6", artifacts=[tracked_artifact(external_id="blob-1")])
    ),
    "from nowhere": lambda f: f.update(
        version_files(
            "8", artifacts=[stored_artifact(b"8")], lineage={"base_model": "nlp/lost@1"}
        )
    ),
    "loop": lambda f: f.update(
        version_files(
            "2", "nlp/lang-id", artifacts=[stored_artifact(b"nlp/lang-id@2")],
            lineage={"base_model": "nlp/other@2"},
        )
    ),
    "moves in a circle": lambda f: f.update(
        {"models/nlp/other/model.yaml": model_yaml("other", moved_to="nlp/user")}
    ),
    "twin model": lambda f: f.update(model_files("nlp/Lang_ID", versions=())),
    "twin file": lambda f: f.update({f"{LANG}/versions/1/card.MD": "x"}),
    "twin tag": lambda f: f.update({f"{LANG}/tags/First.yaml": tag_yaml("1")}),
    "tag is version": lambda f: f.update({f"{LANG}/tags/2.yaml": tag_yaml("1")}),
    "tag is alias": lambda f: f.update({f"{LANG}/tags/production.yaml": tag_yaml("1")}),
    "bad evidence": lambda f: f.update({f"{LANG}/versions/1/evidence/a.yaml": evidence_yaml()}),
    "bad metadata": lambda f: f.update({f"{LANG}/versions/1/metadata.yaml": "schema: metadata/v1\nx: 1\n"}),
    "replaced by nothing": lambda f: f.update(
        {f"{LANG}/versions/2/status.yaml": status_yaml("deprecated", replaced_by="77")}
    ),
    "other namespace": lambda f: f.update({"models/cv/namespace.yaml": namespace_yaml()}),
    "policy": lambda f: f.update({"registry.yaml": registry_yaml(description="New words.")}),
    "scheme": lambda f: f.update({f"{LANG}/model.yaml": model_yaml(version_scheme="semver")}),
    "broken": lambda f: f.update({f"{LANG}/model.yaml": "schema: model/v1\n- x"}),
    "stray": lambda f: f.update({f"{LANG}/notes.txt": "x"}),
}  # fmt: skip


def test_the_start_has_no_findings() -> None:
    assert check(DictTree(BASE), now=NOW).findings == ()


def told(findings: Iterable[Finding]) -> set[tuple[str, ...]]:
    """What findings say: where two files are at odds, not which of them is blamed."""
    return {
        (f.rule,) if f.rule in BLAME else (f.rule, f.path, str(f.line), f.message) for f in findings
    }


@settings(max_examples=300)
@given(names=st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3, unique=True))
@example(names=["no tag"])
@example(names=["same id"])
@example(names=["equal version", "no version 2"])
@example(names=["moves in a circle"])
def test_a_change_is_judged_as_the_whole_is(names: list[str]) -> None:
    files = dict(BASE)
    for name in names:
        EDITS[name](files)
    base, head = DictTree(BASE), DictTree(files)
    whole = check(head, now=NOW).findings
    change = check(head, base=base, now=NOW).findings
    found = told(f for f in change if not f.rule.startswith("C") and f.rule not in ACROSS)
    assert found == told(f for f in whole if f.rule not in ACROSS)


def test_every_edit_but_the_harmless_ones_is_found() -> None:
    harmless = {"new version", "equal elsewhere", "no tag", "other namespace", "policy"}
    silent = set()
    for name, edit in EDITS.items():
        files = dict(BASE)
        edit(files)
        if not check(DictTree(files), base=DictTree(BASE), now=NOW).findings:
            silent.add(name)
    assert silent <= harmless
