"""What ``serve.yaml`` says of writing, followed as it is published while a writer works."""

from __future__ import annotations

from collections.abc import Callable

from registry_tool.catalog.catalog import Catalog
from registry_tool.errors import RegistryError
from registry_tool.git.tree import Entry
from registry_tool.manifests.layout import SERVE
from registry_tool.writer.modes import Mode, ServerPolicy, read_policy
from registry_tool.writer.request import Person

__all__ = ["FollowedPolicy", "ModeChoice"]

ModeChoice = Callable[[ServerPolicy], Mode]
"""The mode for a policy; raises UsageError where the repository or the options of the server do not allow it."""


class FollowedPolicy:
    """The last policy that can be used: one that is broken, or does not fit the repository, changes nothing.

    Args:
        mode: How requests are written at first.
        committer: Who writes the commits at first.
        choose: Gives the mode of a policy; None follows nothing.

    Attributes:
        mode: How requests are written now.
        committer: Who writes the commits now.
        trouble: Why the published policy is not followed; empty where it is.
    """

    def __init__(self, mode: Mode, committer: Person, choose: ModeChoice | None) -> None:
        self.mode = mode
        self.committer = committer
        self.trouble = ""
        self._choose = choose
        self._seen: Entry | None = None

    def is_read(self, catalog: Catalog) -> bool:
        """True where the policy of a published state was looked at; else call ``follow``."""
        return self._choose is None or catalog.tree.entry(SERVE) == self._seen

    def follow(self, catalog: Catalog) -> bool:
        """Read the policy of a published state; True where the mode or the committer is another now."""
        if self._choose is None or self.is_read(catalog):
            return False
        self._seen = catalog.tree.entry(SERVE)
        try:
            policy = read_policy(catalog)
            mode = self._choose(policy)
        except RegistryError as exc:
            self.trouble = str(exc)
            return False
        before = self.mode, self.committer
        self.mode, self.committer, self.trouble = mode, policy.committer, ""
        return before != (mode, policy.committer)
