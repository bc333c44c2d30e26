"""Versions that the main branch calls erased: what is left of them is their record, with every digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.resolve import Resolved, resolve
from registry_tool.errors import NotFoundError, RefusedError, ShallowHistoryError, UsageError
from registry_tool.git.refs import main_branch
from registry_tool.manifests.data import Data, records, text

if TYPE_CHECKING:
    from registry_tool.git.repository import Repository
    from registry_tool.names import Reference

__all__ = ["Tombstone", "check_fixed", "tombstone"]


class Tombstone(NamedTuple):
    """An erased version.

    Attributes:
        version: It, as the main branch has it.
        branch: The main branch, such as ``origin/main``.
        commit: Where that branch is.
    """

    version: VersionView
    branch: str
    commit: str

    def time(self, repository: Repository) -> float | None:
        """When the main branch came to call it erased, in seconds since 1970; None where a shallow clone hides that."""
        from registry_tool.git.history import FirstParentHistory

        try:
            entered = FirstParentHistory(repository.git, self.commit).find_entry(
                f"{self.version.folder}/status.yaml"
            )
        except ShallowHistoryError:
            return None
        return None if entered is None else float(entered.step.when)

    def uploads(self, repository: Repository) -> list[Data]:
        """The entries of files that were uploaded for it after it was published: of every ``model.yaml`` the branch had.

        The erasure deleted them from ``model.yaml``, so the history names their objects.

        Raises:
            ShallowHistoryError: A shallow clone does not have that history.
        """
        from registry_tool.git.history import FirstParentHistory

        model = self.version.model
        data = None if model.document is None else model.document.data
        if text(data, "schema") == "model/v1":  # it never had any: model/v2 stays model/v2
            return []
        path = f"{model.folder}/model.yaml"
        found: list[Data] = []
        for touch in FirstParentHistory(repository.git, self.commit).touches(path):
            before = Catalog(repository.tree(touch.step.commit)).model(model.name)
            data = None if before is None or before.document is None else before.document.data
            entries = records(data, "artifacts")
            found += [entry for entry in entries if text(entry, "version") == self.version.version]
        return found


def check_fixed(found: Resolved) -> None:
    """See that a reference names its version by something that cannot move.

    Raises:
        UsageError: It is an alias or ``latest``: both may mean another version by the time something is erased.
    """
    if found.via in {"alias", "latest"}:
        raise UsageError(
            f"{found.reference} can point to another version later",
            remedy=f"name the version itself: {found.version}",
        )


def tombstone(repository: Repository, reference: Reference) -> Tombstone:
    """The erased version of a reference.

    Raises:
        NotFoundError: The main branch has no such version.
        UsageError: The reference is an alias or ``latest``.
        RefusedError: The main branch does not call the version erased; or there is no main branch.
    """
    main = main_branch(repository.git)
    if main is None:
        raise RefusedError(
            f"{repository.source} has no main branch, so no erasure is published",
            remedy="name it: git config registry.published BRANCH",
        )
    try:
        found = resolve(Catalog(repository.tree(main.tip)), reference, allow_withdrawn=True)
    except NotFoundError as exc:
        raise NotFoundError(f"{exc.message} in {main.name}", remedy=exc.remedy) from exc
    check_fixed(found)
    if found.state != "erased":
        raise RefusedError(
            f"{found.version} is {found.state} in {main.name}: files are purged only after their version is erased "
            "on the main branch",
            remedy=f"registry erase {found.version} --reason TEXT; merge that; then: git fetch",
        )
    return Tombstone(found.version, main.name, main.tip)
