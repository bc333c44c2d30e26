"""MLflow's registry on SQLite, as large as ours: made by MLflow, and filled by SQL, because its client takes 7 ms a version.

The rows are what its client writes for a version with three metrics and labels as tags; a fourth of the versions
have the label ``edge``, about as many as in the corpus.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, cast

from benchmarks.corpus import model_name
from benchmarks.figures import repeated
from benchmarks.warm import Warm

__all__ = ["MlflowStore", "fill_store", "ready"]

_PAGE = 10_000  # the most that it gives at once
_MOMENT = 1_700_000_000_000
_LABELLED = 0.25


class _Version(Protocol):
    tags: Mapping[str, str]


class _Page(Protocol):
    token: str | None

    def __iter__(self) -> Iterator[_Version]: ...


class _Client(Protocol):
    """What is used of ``mlflow.MlflowClient``, which need not be installed where types are checked."""

    def search_registered_models(self, *, max_results: int) -> object: ...
    def search_model_versions(
        self, words: str, max_results: int, *, page_token: str | None
    ) -> _Page: ...
    def get_model_version_by_alias(self, name: str, alias: str) -> _Version: ...
    def create_model_version(self, name: str, source: str, *, description: str) -> object: ...
    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None: ...


def _name(model: int) -> str:
    return model_name(model).replace("/", ".")  # a slash is not allowed


class MlflowStore:
    """One store.

    Args:
        place: A folder for the database; one that is there is opened.
        versions: How many versions, over how many ``models``.
    """

    def __init__(self, place: Path, *, versions: int, models: int) -> None:
        self._models = models
        database = place / "mlflow.db"
        filled = database.exists()
        place.mkdir(parents=True, exist_ok=True)
        self.client = _client(f"sqlite:///{database}")
        self.client.search_registered_models(max_results=1)  # makes the tables
        if not filled:
            with contextlib.closing(sqlite3.connect(database)) as connection, connection:
                fill_store(connection, versions, models)

    def by_alias(self, number: int) -> object:
        """The version that the alias ``production`` of a model names."""
        return self.client.get_model_version_by_alias(_name(number % self._models), "production")

    def of_model(self, number: int) -> int:
        """How many versions of a model it lists."""
        return len(list(self._search(f"name='{_name(number % self._models)}'")))

    def labelled(self) -> int:
        """How many versions with the label it finds."""
        return len(list(self._search("tags.edge='yes'")))

    def labelled_above(self, accuracy: float) -> int:
        """How many of them reach an accuracy, which is compared here: tags are text to MLflow."""
        found = self._search("tags.edge='yes'")
        return sum(float(version.tags["accuracy"]) >= accuracy for version in found)

    def create(self, number: int) -> None:
        """Add a version to a model."""
        name = _name(number % self._models)
        self.client.create_model_version(name, "s3://bucket/model", description="Added.")

    def move(self, number: int) -> None:
        """Move the alias ``production`` of a model between its first two versions."""
        again = number // self._models % 2
        self.client.set_registered_model_alias(
            _name(number % self._models), "production", str(2 - again)
        )

    def _search(self, words: str) -> Iterator[_Version]:
        token = None
        while True:
            page = self.client.search_model_versions(words, _PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def _client(address: str) -> _Client:
    mlflow = importlib.import_module("mlflow")
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    made = mlflow.MlflowClient(tracking_uri=address, registry_uri=address)
    return cast("_Client", made)


def fill_store(connection: sqlite3.Connection, versions: int, models: int) -> None:
    """Write rows into the tables that MLflow has made."""
    luck = random.Random(versions)
    connection.executemany(
        "INSERT INTO registered_models (name, creation_time, last_updated_time, description)"
        " VALUES (?, ?, ?, ?)",
        ((_name(m), _MOMENT, _MOMENT, f"Model {m}.") for m in range(models)),
    )
    connection.executemany(
        "INSERT INTO registered_model_aliases (name, alias, version) VALUES (?, ?, 1)",
        ((_name(m), alias) for m in range(models) for alias in ("staging", "production")),
    )
    of_model = [(_name(number % models), number // models + 1) for number in range(versions)]
    connection.executemany(
        "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description,"
        " current_stage, source, status, storage_location)"
        " VALUES (?, ?, ?, ?, ?, 'None', ?, 'READY', ?)",
        (
            (name, version, _MOMENT, _MOMENT, "A run of the weekly training.", source, source)
            for name, version in of_model
            for source in [f"s3://bucket/{name}/{version}"]
        ),
    )
    tags = (
        (name, version, key, value)
        for name, version in of_model
        for key, value in _tags(luck).items()
    )
    connection.executemany(
        "INSERT INTO model_version_tags (name, version, key, value) VALUES (?, ?, ?, ?)", tags
    )


def _tags(luck: random.Random) -> dict[str, str]:
    tags = {"accuracy": f"{luck.uniform(0.7, 0.99):.4f}", "f1": f"{luck.uniform(0.6, 0.98):.4f}"}
    tags["latency_ms"] = f"{luck.uniform(2, 80):.2f}"
    if luck.random() < _LABELLED:
        tags["edge"] = "yes"
    return tags


def ready(call: Callable[[MlflowStore, int], object]) -> Callable[[MlflowStore], Warm]:
    """Makes a call of a store's ready, once it has been made; it is told how often it was called before."""

    def make(store: MlflowStore) -> Warm:
        call(store, 0)
        return Warm(repeated(lambda number: call(store, number + 1)))

    return make
