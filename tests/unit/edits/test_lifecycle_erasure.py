"""What erasing a version writes and deletes, and what stops it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping

import pytest
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    metadata_yaml,
    model_yaml,
    pointer_yaml,
    status_yaml,
    stored_artifact,
    tag_yaml,
    version_files,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.lifecycle import erase, set_state
from registry_tool.errors import NotFoundError, RefusedError, RegistryError, UsageError
from registry_tool.manifests.data import records, text
from registry_tool.names import ModelName, Reference

Make = Callable[..., tuple[ChangeSet, Catalog]]
RefusedBy = Callable[[Catalog], list[str]]
TOP = "models/nlp/lang-id"
TWO = f"{TOP}/versions/2"
DAY = dt.date(2026, 11, 20)
OTHER = stored_artifact(b"other")


def act(
    reference: str = "nlp/lang-id@2", *, reason: str = "By law.", with_tags: bool = False
) -> Edit:
    return erase(Reference.parse(reference), reason=reason, with_tags=with_tags, today=DAY)


def test_the_pointers_go_and_the_record_stays(make: Make, refused: RefusedBy) -> None:
    kept = {
        f"{TWO}/metadata.yaml": metadata_yaml(description="Second."),
        f"{TWO}/evidence/n.yaml": evidence_yaml(
            "2", record=version_files("2", artifacts=[OTHER])[f"{TWO}/version.yaml"]
        ),
        f"{TWO}/CARD.md": "# Second\n",
    }
    change, after = make(act(), {**version_files("2", artifacts=[OTHER]), **kept})
    assert change.message == "Erase nlp/lang-id@2: By law."
    assert set(change.puts) == {f"{TWO}/status.yaml"}
    assert change.deletes == {f"{TWO}/model.bin.dvc"}
    assert change.puts[f"{TWO}/status.yaml"].decode().splitlines() == [
        "schema: status/v1",
        "state: erased",
        "reason: By law.",
        'since: "2026-11-20"',
    ]
    assert set(after.tree.folder(TWO)) == {
        "version.yaml", "status.yaml", "metadata.yaml", "evidence", "CARD.md",
    }  # fmt: skip
    assert "registry erase nlp/lang-id@2 --purge" in change.notes[0]
    assert refused(after) == []


def test_every_pointer_of_the_folder_goes(make: Make) -> None:
    two = version_files(
        "2", artifacts=[stored_artifact(), stored_artifact(b"v", name="vocab", path="vocab.bin")]
    )
    stray = {f"{TWO}/stray.bin.dvc": pointer_yaml(stored_artifact(path="stray.bin"))}
    change, _ = make(act(), {**two, **stray})
    assert change.deletes == {f"{TWO}/{n}.bin.dvc" for n in ("model", "vocab", "stray")}


def uploads(*entries: tuple[str, str]) -> dict[str, str]:
    """A model that stores files for published versions: artifact name and version of each."""
    stored = {
        name: {**stored_artifact(name.encode(), name=name, path=name), "version": version}
        for name, version in entries
    }
    pointers = {f"{TOP}/{name}.dvc": pointer_yaml(one) for name, one in stored.items()}
    record = model_yaml(schema="model/v2", artifacts=[*stored.values()])
    return {f"{TOP}/model.yaml": record, **pointers}


def test_files_that_were_uploaded_for_it_later_go_with_it(make: Make, refused: RefusedBy) -> None:
    files = uploads(("report.md", "2"), ("other.md", "1"), ("plot.png", "2"))
    change, after = make(act(), {**version_files("2", artifacts=[OTHER]), **files})
    assert set(change.puts) == {f"{TWO}/status.yaml", f"{TOP}/model.yaml"}
    assert change.deletes == {
        f"{TWO}/model.bin.dvc", f"{TOP}/report.md.dvc", f"{TOP}/plot.png.dvc"
    }  # fmt: skip
    model = after.model(ModelName("nlp", "lang-id"))
    assert model is not None
    assert [text(e, "name") for e in records(model.data, "artifacts")] == ["other.md"]
    assert refused(after) == []


def test_files_that_an_earlier_release_left_go_when_it_is_repeated(
    make: Make, refused: RefusedBy
) -> None:
    left = {f"{TWO}/status.yaml": status_yaml("erased"), **uploads(("report.md", "2"))}
    change, after = make(act(), left)
    assert change.message == "Erase files that nlp/lang-id@2 still has"
    assert set(change.puts) == {f"{TOP}/model.yaml"}
    assert change.deletes == {f"{TOP}/report.md.dvc", f"{TWO}/model.bin.dvc"}
    assert b"artifacts" not in change.puts[f"{TOP}/model.yaml"]
    assert refused(after) == []
    again = erase(Reference.parse("nlp/lang-id@2"), reason="By law.")(after)
    assert (again.message, again.puts) == ("nlp/lang-id@2 is already erased", {})


@pytest.mark.parametrize("state", ["active", "deprecated", "withdrawn"])
def test_from_every_state(state: str, make: Make, refused: RefusedBy) -> None:
    status = status_yaml(state, reason="Before.", replaced_by="1") + "# seen by legal\n"
    _, after = make(act(), {f"{TWO}/status.yaml": status})
    model = after.model(ModelName("nlp", "lang-id"))
    assert model is not None
    version = model.version("2")
    assert version is not None
    assert version.status is not None
    assert version.state == "erased"
    # Where to go instead, and what a person wrote, is still true.
    assert text(version.status.data, "replaced_by") == "1"
    assert b"# seen by legal" in version.status.source
    assert refused(after) == []


def test_the_first_line_of_a_reason_is_the_message(make: Make) -> None:
    change, _ = make(act(reason="By law.\nSee the letter."))
    assert change.message == "Erase nlp/lang-id@2: By law."
    assert b"See the letter." in change.puts[f"{TWO}/status.yaml"]


def test_erased_is_final(make: Make) -> None:
    erased = {f"{TWO}/status.yaml": status_yaml("erased")}
    change = act()(make(act(), erased)[1])
    assert (change.message, change.puts, change.deletes) == (
        "nlp/lang-id@2 is already erased", {}, frozenset(),
    )  # fmt: skip
    with pytest.raises(RefusedError, match="is erased; it cannot become active"):
        make(set_state(Reference.parse("nlp/lang-id@2"), "active", reason="x"), erased)


TAGGED = {f"{TOP}/tags/v2.yaml": tag_yaml("2"), f"{TOP}/tags/best.yaml": tag_yaml("2")}
ALIASED = {f"{TOP}/aliases/{name}.yaml": alias_yaml("2") for name in ("staging", "champion")}
NO: dict[str, tuple[Edit, Mapping[str, str], type[RegistryError], str]] = {
    "an alias": (act("nlp/lang-id@1"), {}, RefusedError, "is the target of the alias production"),
    "an alias, asked by it": (act("nlp/lang-id@production"), {}, RefusedError, "target of the alias production"),
    "an alias with tags": (act("nlp/lang-id@1", with_tags=True), {}, RefusedError, "target of the alias production"),
    "aliases": (act(), ALIASED, RefusedError, "target of the aliases champion, staging"),
    "the command that mends it": (
        act(), ALIASED, RefusedError, "registry alias set nlp/lang-id@VERSION champion; or: registry alias rm nlp/lang-id champion",
    ),
    "tags": (act(), TAGGED, RefusedError, "target of the tags best, v2"),
    "the option that mends it": (act(), TAGGED, RefusedError, "--with-tags deletes them"),
    "latest": (act("nlp/lang-id"), {}, UsageError, "nlp/lang-id@latest can point to another version later"),
    "no version": (act("nlp/lang-id@9"), {}, NotFoundError, "has no version, tag or alias 9"),
    "no model": (act("nlp/other@1"), {}, NotFoundError, "model nlp/other does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO)
def test_what_stops_it(name: str, make: Make) -> None:
    one, files, error, words = NO[name]
    with pytest.raises(error, match=re.escape(words)):
        make(one, files)


def test_tags_go_in_the_same_change(make: Make, refused: RefusedBy) -> None:
    change, after = make(act("nlp/lang-id@v2", with_tags=True), TAGGED)
    assert change.deletes == {f"{TWO}/model.bin.dvc", *TAGGED}
    assert after.tree.entry(f"{TOP}/tags/first.yaml") is not None  # that of another version
    assert refused(after) == []
