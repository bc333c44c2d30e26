"""The question that gates answer: may this version hold this stage?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from registry_tool.catalog.index import Catalog, VersionView
from registry_tool.git.line import Line
from registry_tool.manifests.data import text
from registry_tool.promotion.stages import Stage

__all__ = ["Present", "Question"]

# From a version to the objects its remote lacks, each in a few words; it may raise RemoteTrouble.
Present = Callable[[VersionView], list[str]]


@dataclass(frozen=True)
class Question:
    """May a version hold a stage?

    Attributes:
        base: What is published: who holds each stage now, and whose keys are known.
        version: The version, with the evidence that the change under check has for it.
        stage: The stage, as what is published defines it.
        line: The history that ends at the base; None where there is none.
        now: The time, in UTC.
        present: Asks the artifact remote; None leaves it alone.
    """

    base: Catalog
    version: VersionView
    stage: Stage
    line: Line | None
    now: dt.datetime
    present: Present | None = None

    def holder_of(self, alias: str) -> str:
        """The version that holds an alias of the model now; empty for none."""
        model = self.base.model(self.version.model.name)
        document = None if model is None else model.alias(alias)
        return "" if document is None else text(document.data, "version")

    @cached_property
    def current(self) -> VersionView | None:
        """The version that holds the stage now, as it is published."""
        model = self.base.model(self.version.model.name)
        holder = self.holder_of(self.stage.name)
        return None if model is None or not holder else model.version(holder)
