"""What pages are made of: a registry at one commit, its policy, and the moves of its aliases.

Pages of a model depend on its key and on nothing else: not on the commit, so that an unchanged model has unchanged pages. What
counts to a time, such as a soak, makes the time part of the key.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Final

from registry_tool._version import VERSION
from registry_tool.api.registry import Registry
from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.engine import check
from registry_tool.checks.findings import Report
from registry_tool.git.history import FirstParentHistory
from registry_tool.manifests.layout import REGISTRY
from registry_tool.names import ModelName
from registry_tool.promotion.context import Published
from registry_tool.promotion.stages import Stage, list_stages
from registry_tool.signing import ALLOWED_SIGNERS, allowed_signers
from registry_tool.web.views.measured import Better, find_better
from registry_tool.web.views.moves import AliasMove, AliasMoves

__all__ = ["PRODUCTION", "PageSource", "find_main_stage"]

PRODUCTION: Final = "production"


def find_main_stage(stages: Mapping[str, Stage]) -> str:
    """The stage that everything leads to: ``production`` where there is one, else the last."""
    if PRODUCTION in stages or not stages:
        return PRODUCTION
    return list(stages)[-1]


class PageSource:
    """One commit of a registry, as pages see it.

    Args:
        registry: The registry, opened at a commit or at HEAD.
        base_url: Where the site will be, with a slash at its end; empty where it is not known. Only feeds need it.
        moves: The moves of aliases up to this commit; None reads them.

    Attributes:
        commit: The full id of the commit.
    """

    def __init__(
        self, registry: Registry, *, base_url: str = "", moves: AliasMoves | None = None
    ) -> None:
        self.registry = registry
        self.base_url = base_url
        self.commit = registry.commit or registry.repository.commit("HEAD")
        self.catalog: Catalog = (
            registry.catalog
            if registry.commit is not None
            else Catalog(registry.repository.tree(self.commit))
        )
        self._moves = moves
        self._stages = lru_cache(maxsize=None)(self._read_stages)
        self.find_better = lru_cache(maxsize=1 << 12)(self._find_better)

    @property
    def name(self) -> str:
        """The registry's name."""
        return str(self.catalog.settings.get("name", "")) or "registry"

    @property
    def description(self) -> str:
        """What the registry is, as ``registry.yaml`` says."""
        return str(self.catalog.settings.get("description", ""))

    @cached_property
    def time(self) -> dt.datetime:
        """The commit's time, in UTC: what durations, waivers and waits count to."""
        seconds = self.registry.repository.git.line("show", "-s", "--format=%ct", self.commit)
        return dt.datetime.fromtimestamp(int(seconds), tz=dt.UTC)

    @property
    def moment(self) -> str:
        """The commit's time, RFC 3339."""
        return f"{self.time:%Y-%m-%dT%H:%M:%SZ}"

    @cached_property
    def moves(self) -> AliasMoves:
        """The moves of all aliases up to the commit."""
        return AliasMoves.read(self.registry) if self._moves is None else self._moves

    def moves_of(self, model: ModelName) -> tuple[AliasMove, ...]:
        """The moves of a model's aliases, oldest first."""
        return self.moves.by_model.get(str(model), ())

    def _read_stages(self, namespace: str) -> dict[str, Stage]:
        return list_stages(self.catalog, namespace)

    def _find_better(self, namespace: str, key: str) -> Better:
        """Whether a higher or a lower value of a metric is better in a namespace."""
        return find_better(self.stages(namespace), key)

    def stages(self, namespace: str) -> Mapping[str, Stage]:
        """The stages of a namespace's models, first to last."""
        return self._stages(namespace)

    def main_stage(self, namespace: str) -> str:
        """The stage of a namespace's models that everything leads to."""
        return find_main_stage(self.stages(namespace))

    @cached_property
    def published(self) -> Published:
        """The state that gates are evaluated against: this commit."""
        return Published(self.catalog, self.line)

    @cached_property
    def line(self) -> FirstParentHistory:
        """The history that ends at the commit."""
        return FirstParentHistory(self.registry.repository.git, self.commit)

    @cached_property
    def signers(self) -> bytes:
        """The content of ``allowed_signers``."""
        return allowed_signers(self.catalog)

    def check(self) -> Report:
        """Check everything, as ``registry check --all`` does, at the commit's time."""
        return check(self.catalog.apart(), line=self.line, now=self.time)

    def model_names(self) -> Iterator[ModelName]:
        """The names of all models, deleted ones included, in order."""
        return self.catalog.model_names()

    def _oid(self, path: str) -> str:
        entry = self.catalog.tree.entry(path)
        return "" if entry is None else str(entry.oid)

    def _waits(self, name: ModelName) -> bool:
        """True where a version waits in a stage: the result then depends on the time."""
        current: dict[str, str | None] = {move.alias: move.version for move in self.moves_of(name)}
        return any(
            stage.soak
            and current.get(stage.before)
            and current.get(stage.before) != current.get(stage.name)
            for stage in self.stages(name.namespace).values()
        )

    def model_keys(self, digest: str) -> dict[str, str]:
        """What the pages of each model depend on, as a digest.

        Args:
            digest: Of the templates and assets.
        """
        policy = (
            VERSION,
            digest,
            self._oid(REGISTRY),
            self._oid(ALLOWED_SIGNERS),
            self.moves.missing,
        )
        return {str(name): self._key(name, policy) for name in self.model_names()}

    def _key(self, name: ModelName, policy: tuple[str, ...]) -> str:
        layout = self.catalog.layout
        home = layout.namespace(name.namespace)
        parts = [*policy, self._oid(layout.model(name))]
        parts += [self._oid(f"{home}/{file}") for file in ("namespace.yaml", "title.yaml")]
        parts += [repr((m.alias, m.version, m.commit)) for m in self.moves_of(name)]
        parts.append(self.moment if self._waits(name) else "")
        return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()
