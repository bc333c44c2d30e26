"""What promoting and rolling back write, and when they say no."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import git
from support.manifests import alias_yaml, status_yaml
from support.staged_registries import ALIASES, MODEL, Staged, alias

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet
from registry_tool.edits.promotion import promote, rollback
from registry_tool.errors import (
    InvalidManifestError,
    InvalidNameError,
    NotFoundError,
    RefusedError,
    RegistryError,
    ShallowHistoryError,
)
from registry_tool.git.command import Git
from registry_tool.git.history import FirstParentHistory
from registry_tool.names import ModelName, Reference

NAME = ModelName("nlp", "lang-id")
PATH = f"{ALIASES}/production.yaml"
TWO = Reference.parse("nlp/lang-id@2")


@pytest.fixture
def registry(tmp_path: Path) -> Staged:
    return Staged(tmp_path / "registry", {})


def text(change: ChangeSet) -> str:
    assert [*change.puts] == [PATH]
    assert change.deletes == frozenset()
    return change.puts[PATH].decode()


# --- forward


def test_the_first_holder(registry: Staged) -> None:
    change = promote(TWO, "production", reason="Best.")(registry.catalog())
    assert change.message == "Promote nlp/lang-id@2 to production"
    assert text(change) == alias_yaml("2", reason="Best.")


def test_a_move_keeps_what_a_person_wrote(registry: Staged) -> None:
    registry.commit({PATH: "# Serves users.\n" + alias_yaml("1", reason="First.")})
    change = promote(TWO, "production")(registry.catalog())
    assert text(change) == "# Serves users.\n" + alias_yaml("2")
    assert change.notes == ()


def test_promoting_takes_the_pin_off_and_says_so(registry: Staged) -> None:
    registry.commit(alias("production", "1", reason="2 is slow.", pinned=True))
    change = promote(TWO, "production", reason="2 is quick now.")(registry.catalog())
    assert text(change) == alias_yaml("2", reason="2 is quick now.")
    assert change.notes == ("the pin on version 1 is removed; its reason: 2 is slow.",)
    bare = promote(TWO, "production")(registry.catalog(alias("production", "1", pinned=True)))
    assert bare.notes == ("the pin on version 1 is removed",)
    assert text(bare) == alias_yaml("2")


def test_who_holds_it_already_is_left_alone(registry: Staged) -> None:
    registry.commit(alias("production", "2", pinned=True))
    change = promote(TWO, "production", reason="Again.")(registry.catalog())
    assert change == ChangeSet("nlp/lang-id@production is already 2")


def test_a_reference_is_what_it_names_then(registry: Staged) -> None:
    registry.commit(alias("staging", "2"))
    change = promote(Reference.parse("nlp/lang-id@staging"), "production")(registry.catalog())
    assert change.message == "Promote nlp/lang-id@2 to production"


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({f"{MODEL}/versions/2/status.yaml": status_yaml("withdrawn")}, RefusedError),
        (
            {f"{MODEL}/tags/production.yaml": alias_yaml("1").replace("alias/v1", "tag/v1")},
            RefusedError,
        ),
    ],
)
def test_what_cannot_be_promoted(
    registry: Staged, files: dict[str, str], error: type[RegistryError]
) -> None:
    with pytest.raises(error):
        promote(TWO, "production")(registry.catalog(files))


def test_names_are_looked_at_before_anything_is_read() -> None:
    with pytest.raises(InvalidNameError):
        promote(TWO, "latest")
    with pytest.raises(InvalidNameError):
        rollback(NAME, "Pro", reason="x", history=lambda: None)
    with pytest.raises(InvalidNameError):
        rollback(NAME, "production", reason="x", history=lambda: None, to="a/b")


# --- back


@pytest.fixture
def back(registry: Staged) -> Callable[..., ChangeSet]:
    """Rolls ``production`` back in the registry as it is."""

    def rolled(to: str = "", *, reason: str = "Slow.", catalog: Catalog | None = None) -> ChangeSet:
        act = rollback(NAME, "production", reason=reason, history=lambda: registry.line, to=to)
        return act(catalog or registry.catalog())

    return rolled


Back = Callable[..., ChangeSet]


@pytest.fixture
def _moved(registry: Staged) -> None:
    registry.commit(alias("production", "1", reason="First."))
    registry.commit(alias("production", "2"))


@pytest.mark.usefixtures("_moved")
def test_back_to_the_last_good_holder_with_a_pin(back: Back) -> None:
    change = back(reason="Slow.\nVery.")
    assert change.message == "Roll nlp/lang-id@production back from 2 to 1: Slow."
    assert text(change) == alias_yaml("1", reason="Slow.\nVery.", pinned=True)


@pytest.mark.usefixtures("_moved")
def test_what_was_rolled_back_is_passed_over(registry: Staged, back: Back) -> None:
    registry.commit(alias("production", "1", pinned=True))
    with pytest.raises(
        RefusedError,
        match="no usable version was production of nlp/lang-id before 1",
    ) as exc:
        back()
    assert "registry promote nlp/lang-id@VERSION --to production" in exc.value.remedy
    with pytest.raises(
        RefusedError,
        match="version 2 of nlp/lang-id was not production before, or was rolled back itself",
    ):
        back("2")


@pytest.mark.usefixtures("_moved")
def test_a_version_out_of_service_is_passed_over(registry: Staged, back: Back) -> None:
    registry.commit({f"{MODEL}/versions/1/status.yaml": status_yaml("withdrawn")})
    with pytest.raises(RefusedError, match="no usable version was"):
        back()
    with pytest.raises(RefusedError, match="version 1 of nlp/lang-id is out of service"):
        back("1")


@pytest.mark.usefixtures("_moved")
def test_a_deprecated_one_will_do(registry: Staged, back: Back) -> None:
    registry.commit({f"{MODEL}/versions/1/status.yaml": status_yaml("deprecated")})
    assert "back from 2 to 1" in back().message


@pytest.mark.usefixtures("_moved")
def test_a_version_that_never_held_it_is_promoted_and_not_gone_back_to(back: Back) -> None:
    with pytest.raises(RefusedError) as exc:
        back("7")
    assert exc.value.remedy == "registry promote nlp/lang-id@7 --to production"


@pytest.mark.usefixtures("_moved")
def test_the_current_one_may_be_pinned_where_it_is(back: Back) -> None:
    change = back("2")
    assert change.message == "Pin nlp/lang-id@production to 2: Slow."
    assert text(change) == alias_yaml("2", reason="Slow.", pinned=True)


@pytest.mark.usefixtures("_moved")
def test_an_edit_that_is_not_committed_goes_back_to_what_is(registry: Staged, back: Back) -> None:
    edited = registry.catalog(alias("production", "9"))
    assert back(catalog=edited).message == "Roll nlp/lang-id@production back from 9 to 2: Slow."


def test_an_alias_that_is_not_there_or_cannot_be_read(registry: Staged, back: Back) -> None:
    registry.commit(alias("staging", "1"))
    with pytest.raises(NotFoundError, match="nlp/lang-id has no alias production") as exc:
        back()
    assert exc.value.remedy == "its aliases: staging"
    registry.commit({PATH: "schema: alias/v1\n"})
    with pytest.raises(InvalidManifestError):
        back()


def test_without_history_there_is_no_way_back(registry: Staged) -> None:
    act = rollback(NAME, "production", reason="x", history=lambda: None)
    with pytest.raises(RefusedError):
        act(registry.catalog(alias("production", "1")))


@pytest.mark.usefixtures("_moved")
def test_a_shallow_clone_does_not_guess(registry: Staged, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{registry.root}", "shallow")
    line = FirstParentHistory(
        Git(tmp_path / "shallow" / ".git", tmp_path / "shallow"), registry.head
    )
    act = rollback(NAME, "production", reason="x", history=lambda: line)
    with pytest.raises(ShallowHistoryError) as exc:
        act(registry.catalog())
    assert exc.value.remedy == "git fetch --unshallow"
