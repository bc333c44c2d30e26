"""Models and versions by MLflow's names, in one snapshot and for one subject."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from registry_tool.access.subjects import Subject
from registry_tool.integrations.mlflow_mapping import API, MlflowName, join_name, split_name
from registry_tool.live.parts import decode
from registry_tool.live.records import ModelRecord, VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.data import member
from registry_tool.server.mlflow.errors import MissingResourceError, MlflowError, missing_parameter
from registry_tool.server.views import SubjectView

__all__ = ["Lookup", "check_model_name", "parse_number"]

_NUMBER: Final = re.compile(r"\s*[+-]?\d{1,18}\s*")


def parse_number(version: str) -> int:
    """A version as MLflow's clients write it.

    Raises:
        MlflowError: It is no integer.
    """
    if not _NUMBER.fullmatch(version):
        raise MlflowError(f"Parameter 'version' must be an integer, got '{version}'.")
    return int(version)


class Lookup(NamedTuple):
    """How a request finds things.

    Attributes:
        view: What the subject sees.
        subject: Who makes it; a namespace that they may not read does not exist.
        writing: The namespace whose models have bare names.
    """

    view: SubjectView
    subject: Subject
    writing: str

    @property
    def snapshot(self) -> Snapshot:
        """The state that it is answered from."""
        return self.view.snapshot

    def split(self, name: str) -> MlflowName:
        """The namespace and the shown name of a name; an exact shown name of the writing namespace wins.

        Raises:
            MlflowError: It is empty.
        """
        if not name.strip():
            raise missing_parameter("name")
        if self.snapshot.model_shown(self.writing, name) is not None:
            return MlflowName(self.writing, name)
        return split_name(name, self.snapshot.namespaces, self.writing)

    def find_model(self, name: str) -> ModelRecord | None:
        """The model with a name; None where there is none."""
        namespace, shown = self.split(name)
        if not self.subject.sees(namespace):
            return None
        return self.snapshot.model_shown(namespace, shown)

    def model(self, name: str) -> ModelRecord:
        """The model with a name.

        Raises:
            MissingResourceError: There is none.
            MlflowError: It is empty, or not one.
        """
        found = self.find_model(name)
        if found is None:
            check_model_name(name)
            raise MissingResourceError(f"Registered Model with name={name} not found")
        return found

    def version(self, name: str, version: str) -> VersionRecord:
        """The version with a number.

        Raises:
            MissingResourceError: There is none.
            MlflowError: The number is none.
        """
        number = parse_number(version)
        self.split(name)
        check_exists = self.find_model(name)
        found = (
            None
            if check_exists is None
            else self.snapshot.version_numbered(check_exists.name, number)
        )
        if found is None or not found.is_listed:
            raise MissingResourceError(f"Model Version (name={name}, version={number}) not found")
        return found

    def version_with_alias(self, name: str, alias: str) -> VersionRecord:
        """The version that an alias points to; ``latest`` in any case is the highest.

        Raises:
            MissingResourceError: There is no such model, or it has no version.
            MlflowError: There is no such alias.
        """
        model = self.model(name)
        path = self.alias_path(model, alias)
        found = None if path is None else self.snapshot.alias(model, path)
        if found is not None:
            return found
        if alias.lower() == "latest":
            latest = max(self.snapshot.versions(model), key=self.snapshot.number, default=None)
            if latest is None:
                raise MissingResourceError(f"Latest version not found for model {name}.")
            return latest
        raise MlflowError(f"Registered model alias {alias} not found.")

    def alias_path(self, model: ModelRecord, alias: str) -> str | None:
        """The file name of an alias; None where the model has none of this name."""
        titled = self.snapshot.name_titled(model, alias)
        names = {*model.aliases, *model.reserved}
        if titled in names:
            return titled
        return alias if alias in names and alias not in model.titles else None

    def model_name(self, model: ModelRecord) -> str:
        """MLflow's name of a model."""
        return join_name(model.name.namespace, model.shown, self.writing)

    def stage_aliases(self) -> Mapping[str, str]:
        """The alias of each stage that has one: ``mlflow.stages`` of ``serve.yaml``."""
        return _read_stage_aliases(self.snapshot.serve)


@lru_cache(maxsize=16)
def _read_stage_aliases(policy: bytes) -> Mapping[str, str]:
    found = member(decode(policy), API, "stages")
    return {stage: alias for stage, alias in found.items() if isinstance(alias, str)}


def check_model_name(name: str) -> None:
    """Check the form of a name for a new model.

    Raises:
        MlflowError: MLflow would not take it.
    """
    if not name.strip():
        raise missing_parameter("name")
    if "/" in name or ":" in name:
        raise MlflowError(f"Invalid model name '{name}'. Names cannot contain '/' or ':'.")
    if posixpath.normpath(name) != name or name in {".", ".."} or name.startswith(".."):
        raise MlflowError(
            f"Invalid value \"{name}\" for parameter 'name' supplied: Names may be treated as files in certain cases, and must"
            f" not resolve to other names when treated as such. This name would resolve to {posixpath.normpath(name)!r}"
        )
