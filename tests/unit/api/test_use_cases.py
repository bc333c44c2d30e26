"""Use cases of the façade, as a program calls them: typed arguments and results, an author per call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import git
from support.manifests import model_yaml, stored_artifact, version_files
from support.staged_registries import MODEL, Staged

from registry_tool.api.registry import WORK_TREE, Registry, open_registry
from registry_tool.errors import NotFoundError, RefusedError, UsageError

ADA = "Ada Lovelace <ada@example.org>"


@pytest.fixture
def ready(tmp_path: Path) -> Staged:
    return Staged(
        tmp_path / "registry",
        {"from": "staging"},
        {
            **version_files("10", external_id="run-10", artifacts=[stored_artifact(b"ten")]),
            "models/nlp/other/model.yaml": model_yaml("other", external_id="sys-7"),
            "models/nlp/other/CARD.md": "# other\n",
        },
    )


@pytest.fixture
def registry(ready: Staged) -> Iterator[Registry]:
    with open_registry(ready.root, ref=WORK_TREE) as opened:
        yield opened


def _fresh(ready: Staged) -> Registry:
    return open_registry(ready.root, ref=WORK_TREE)


def test_an_alias_is_set_in_the_name_of_who_asked(ready: Staged, registry: Registry) -> None:
    done = registry.set_alias(
        "nlp/lang-id@2", "champion", reason="Best.", commit=True, author=ADA, message="As Ada said"
    )
    assert done.commit == git(ready.root, "rev-parse", "HEAD")
    assert done.files == [f"{MODEL}/aliases/champion.yaml"]
    assert git(ready.root, "log", "-1", "--format=%an <%ae>|%s") == f"{ADA}|As Ada said"
    with _fresh(ready) as after:
        assert after.resolve("nlp/lang-id@champion").version.version == "2"
        assert [entry.by for entry in after.history("nlp/lang-id@champion")] == [ADA]


def test_evidence_names_the_author_of_the_call(registry: Registry) -> None:
    done = registry.add_evidence("nlp/lang-id@1", "note", {"text": "Fine."}, author=ADA)
    (content,) = done.change.puts.values()
    assert ADA in content.decode()


def test_fields_of_a_model_are_set_and_removed(ready: Staged, registry: Registry) -> None:
    fields = {"owner": "new-team", "labels": ["edge"], "license": "MIT", "metadata": {"a": 1}}
    registry.update_model("nlp/lang-id", fields)
    with _fresh(ready) as after:
        found = after.model("nlp/lang-id")
        assert (found.owner, list(found.labels), dict(found.metadata)) == (
            "new-team",
            ["edge"],
            {"a": 1},
        )
        done = after.update_model("nlp/lang-id", {"license": None, "owner": "new-team"})
        assert done.change.message == "Update license of nlp/lang-id"
    with _fresh(ready) as after:
        assert "license" not in after.model("nlp/lang-id").data
        nothing = after.update_model("nlp/lang-id", {"owner": "new-team"})
        assert (nothing.files, nothing.change.message) == (
            [],
            "nlp/lang-id already has these values",
        )


@pytest.mark.parametrize("field", ["name", "version_scheme", "state", "nothing"])
def test_fields_that_cannot_be_changed(registry: Registry, field: str) -> None:
    with pytest.raises(UsageError, match="cannot be changed"):
        registry.update_model("nlp/lang-id", {field: "x"})


def test_gates_a_promotion_and_a_rollback(ready: Staged, registry: Registry) -> None:
    refused = registry.gates("nlp/lang-id@1", "production")
    assert (refused.holder, refused.passed) == (None, False)
    assert isinstance(refused.error(), RefusedError)
    assert registry.promote("nlp/lang-id@1", "production").publication is None
    for version in ("1", "2"):
        with _fresh(ready) as opened:
            done = opened.promote(f"nlp/lang-id@{version}", "staging", commit=True, author=ADA)
            assert done.publication is not None
            assert done.results.passed
    with _fresh(ready) as opened:
        again = opened.promote("nlp/lang-id@2", "staging", commit=True)
        assert (again.publication, again.unchanged) == (None, "nlp/lang-id@staging is already 2")
        back = opened.rollback("nlp/lang-id", "staging", reason="Wrong.", commit=True)
        assert back.change.message.startswith("Roll nlp/lang-id@staging back from 2 to 1")
    with _fresh(ready) as opened:
        pinned = opened.promote("nlp/lang-id@2", "staging", automatic=True)
        assert "is pinned to 1: Wrong." in pinned.unchanged
        held = [(one.alias, one.version, one.start.by) for one in opened.audit()]
        assert ("staging", "1", ADA) in held
        kinds = [entry.event.kind for entry in opened.events(None)]
        assert kinds.count("alias") == 3


def test_diff_and_compare(registry: Registry) -> None:
    registry.set_alias("nlp/lang-id@2", "champion")
    found = registry.diff("HEAD")
    assert [event.reference for event in found.events] == ["nlp/lang-id@champion"]
    assert registry.diff("HEAD", with_report=True).report.startswith("#")
    assert registry.compare("nlp/lang-id@1", "nlp/lang-id@2").left == "nlp/lang-id@1"


def test_pages_of_models_and_versions(registry: Registry) -> None:
    names = [model.name for model in registry.models()]
    assert names == ["nlp/lang-id", "nlp/other"]
    assert [m.name for m in registry.models(order="-name", limit=1)] == ["nlp/other"]
    assert [m.name for m in registry.models(after="nlp/lang-id")] == ["nlp/other"]
    assert [v.version for v in registry.versions("nlp/lang-id")] == ["1", "2", "10"]
    assert [v.version for v in registry.versions("nlp/lang-id", order="-version")] == [
        "10",
        "2",
        "1",
    ]
    assert [v.version for v in registry.versions("nlp/lang-id", after="1", limit=1)] == ["2"]
    assert len(list(registry.versions("nlp/lang-id", order="created_at"))) == 3
    with pytest.raises(NotFoundError, match="nothing comes after"):
        registry.versions("nlp/lang-id", after="9")
    with pytest.raises(UsageError, match="limit is -1"):
        registry.models(limit=-1)


def test_look_up_by_external_id(registry: Registry) -> None:
    assert registry.model_by_external_id("sys-7").name == "nlp/other"
    assert registry.version_by_external_id("run-10").version == "10"
    assert registry.version_by_external_id("run-10", "nlp/lang-id").version == "10"
    for find in (registry.model_by_external_id, registry.version_by_external_id):
        with pytest.raises(NotFoundError, match="has the external id"):
            find("nothing")


def test_states_tags_and_archiving(ready: Staged, registry: Registry) -> None:
    registry.add_tag("nlp/lang-id@1", "first")
    registry.deprecate("nlp/lang-id@1", reason="Old.", replaced_by="2")
    with _fresh(ready) as after:
        assert after.resolve("nlp/lang-id@first").state == "deprecated"
        after.set_alias("nlp/lang-id@2", "champion")
    with _fresh(ready) as after:
        after.withdraw("nlp/lang-id@2", reason="Wrong.", remove_aliases=True)
        after.archive("nlp/lang-id")
        with pytest.raises(UsageError, match="the reason is empty"):
            after.deprecate("nlp/lang-id@10", reason=" ")
    with _fresh(ready) as after:
        assert after.describe("nlp/lang-id").state == "archived"
        assert after.describe("nlp/lang-id@2").state == "withdrawn"


def test_an_erasure_can_be_declined(ready: Staged, registry: Registry) -> None:
    seen: list[str] = []

    def decline(preview: object) -> bool:
        seen.append(str(preview))
        return False

    before = git(ready.root, "status", "--porcelain")
    assert registry.erase("nlp/lang-id@1", reason="By law.", confirm=decline) is None
    assert len(seen) == 1
    assert git(ready.root, "status", "--porcelain") == before
    assert registry.erase("nlp/lang-id@1", reason="By law.") is not None
