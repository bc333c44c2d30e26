"""Cached verdicts on models, by the ids of their folders: a full check reads only models that it has not checked.

An entry has the findings of file and model rules for one model, and the unique values it has. It depends on this program,
the policy, and the id of the model's folder. It lists the models that this one refers to with the ids of their folders,
and is valid only while these are the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.search.result_cache import ResultCache
from registry_tool.checks.findings import Finding
from registry_tool.checks.uniqueness import UniqueValue
from registry_tool.manifests.data import member
from registry_tool.manifests.layout import REGISTRY
from registry_tool.names import ModelName

__all__ = ["ModelVerdict", "VerdictCache"]

# Everything a verdict on one model can depend on, below the package.
_PROGRAM: Final = (
    "catalog",
    "checks",
    "manifests",
    "promotion/commands.py",
    "git/tree.py",
    "names.py",
    "versioning.py",
)
# Models without a cached verdict after which workers are started.
_MANY: Final = 20
# Files and folders of the registry that every model is judged by.
_POLICY: Final = (REGISTRY, "schemas", ".dvc")


class ModelVerdict(NamedTuple):
    """What was found in one model.

    Attributes:
        findings: Of rules about files and models.
        claims: Values that may be claimed once in a registry.
        files: How many files were looked at.
        others: Other models that were looked at, and the ids of their folders; empty for one that is not there.
    """

    findings: tuple[Finding, ...]
    claims: tuple[UniqueValue, ...]
    files: int
    others: Mapping[str, str]


def _oid(catalog: Catalog, path: str) -> str:
    entry = catalog.tree.entry(path)
    return "" if entry is None else entry.oid


def _parse(text: str) -> ModelVerdict:
    data = json.loads(text)
    claims = tuple(
        UniqueValue(pool, value, path, tuple(at), *more)
        for pool, value, path, at, *more in data["claims"]
    )
    findings = tuple(Finding(*fields) for fields in data["findings"])
    return ModelVerdict(findings, claims, data["files"], data["others"])


class VerdictCache:
    """The verdicts on the models of one tree.

    Args:
        folder: Where they are kept; made when something is.
        catalog: The tree under check; its folders have ids.
        policy: What severities come from.
        many: Called once when many models are not cached, and workers are worth starting.
    """

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        policy: Catalog,
        many: Callable[[], None] = lambda: None,
    ) -> None:
        self._many = many
        self._missed = 0
        self._shelf = ResultCache(folder, _PROGRAM)
        self._catalog = catalog
        said = json.dumps(member(policy.settings, "rules"), sort_keys=True)
        self._policy = [said, *(f"{path} {_oid(catalog, path)}" for path in _POLICY)]

    def _id(self, model: ModelName) -> str:
        return _oid(self._catalog, self._catalog.layout.model(model))

    def _judged_by(self, model: ModelName) -> str:
        """Its namespace's manifest, which may define stages."""
        path = f"{self._catalog.layout.namespace(model.namespace)}/namespace.yaml"
        return _oid(self._catalog, path)

    def _are_same(self, others: Mapping[str, str]) -> bool:
        return all(self._id(ModelName(*name.split("/", 1))) == oid for name, oid in others.items())

    def _key(self, model: ModelName, oid: str) -> tuple[str, ...]:
        return (*self._policy, self._judged_by(model), str(model), oid)

    def recall(self, model: ModelName) -> ModelVerdict | None:
        """What was found in a model as it is now; None where that is not known."""
        oid = self._id(model)
        body = self._shelf.take(*self._key(model, oid)) if oid else None
        found = None if body is None else _parse(body)
        if found is not None and self._are_same(found.others):
            return found
        self._missed += 1
        if self._missed == _MANY:
            self._many()
        return None

    def keep(self, model: ModelName, found: ModelVerdict) -> None:
        """Keep what was found in a model; where nothing can be written, nothing is."""
        oid = self._id(model)
        if not oid:
            return
        others = {str(n): self._id(n) for n in sorted(self._catalog.asked) if n != model}
        data = found._replace(others=others)._asdict()
        # ASCII: names that are not UTF-8 survive as escapes.
        self._shelf.put(json.dumps(data), *self._key(model, oid))
