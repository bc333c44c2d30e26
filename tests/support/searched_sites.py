"""Sites that have only the search page, and queries that are made to find what is hard to find alike twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple, cast

from playwright.sync_api import Page

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.search.query import parse_query, search
from registry_tool.catalog.search.summary_cache import Rows
from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.writer import render
from registry_tool.web.pages.render import render_assets
from registry_tool.web.search.columns import write_columns
from registry_tool.web.search.shards import build_index, render_search
from support.manifests import (
    alias_yaml,
    metadata_yaml,
    model_files,
    namespace_yaml,
    registry_yaml,
    status_yaml,
    stored_artifact,
    tag_yaml,
    version_files,
)
from support.programs import run_program

__all__ = [
    "Answer",
    "ask_browser",
    "ask_command",
    "ask_program",
    "make_queries",
    "varied_registry",
    "write_search_site",
]

_ACCENTS = ("straße", "STRASSE", "\u0130stanbul", "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "e\u0301te", "\xe9te", "\ufb01ne", "\u65e5\u672c", "Zo\xeb")  # fmt: skip
_METRICS: tuple[JSON, ...] = (
    0.5, 0.9, 0.95, 1, 0, -1, 1e308, 1e-9, 5e-324, -0.0, 9007199254740993, "good", "e\u0301te", 0.1 + 0.2,
    ".nan", "NaN", "-inf", "0.9", "", {"bytes": "AAEC"},
)  # fmt: skip
_KEYS = (
    "accuracy",
    "accuracy",
    "accuracy",
    "accuracy",
    "f1",
    "F1 (macro)",
    "metrics.loss",
    "loss",
    "label",
    "constructor",
    "a b",
    "x>=1",
)
# No manifest may have them: a version that has one cannot be read.
_BAD_KEY, _BAD_METRICS = "e\u0301te", (-(10**30), 10**400, True)
_FRAMEWORKS = ("onnx", "pytorch", "fasttext")
_STATES = ("deprecated", "withdrawn", "erased", "deleted")
_LABELS = ("edge", "cpu", "gpu", "int8")
_DELETION = render({"schema": "deletion/v1", "reason": "Registered twice."}).decode()


def varied_registry(seed: int = 1) -> dict[str, str]:
    """Files of a registry whose rows differ in everything that a query can ask."""
    pick = Random(seed)
    files = {"registry.yaml": registry_yaml()}
    for namespace in ("nlp", "speech", "vision"):
        files[f"models/{namespace}/namespace.yaml"] = namespace_yaml()
        for number in range(8):
            files.update(_make_model(pick, f"{namespace}/m-{number}"))
    files["models/speech/m-3/title.yaml"] = render(
        {"schema": "title/v1", "title": "Stra\xdfe, 50%"}
    ).decode()
    files["models/speech/m-4/deletion.yaml"] = _DELETION
    broken = "models/nlp/m-1/versions"
    files[f"{broken}/1/version.yaml"] = "version: [\n"
    files[f"{broken}/2/status.yaml"] = "state: [\n"
    files["models/vision/m-2/model.yaml"] = "schema: [\n"
    return files


def _make_model(pick: Random, model: str) -> dict[str, str]:
    words = [*_ACCENTS, "language", "Weekly", "run", "50%", "C++", "a:b", "it's"]
    count = pick.choice((0, 1, 6, 12))
    files = model_files(
        model, versions=(), labels=pick.sample(_LABELS, pick.randrange(3)), owner=pick.choice(("@acme/speech", "Ada", "@ADA")),
        task=pick.choice(("language-id", "language_id", "language.id", "ocr")), state=pick.choice(("live", "live", "archived")),
        description=" ".join(pick.sample(words, 3)), license=pick.choice(("MIT", "mit", "Apache-2.0")),
        metadata={"team": pick.choice(words)},
    )  # fmt: skip
    place = f"models/{model}"
    for number in range(1, count + 1):
        version = str(number)
        keys = {*pick.sample(_KEYS, pick.randrange(6))}
        metrics: list[JSON] = [{"key": key, "value": pick.choice(_METRICS)} for key in sorted(keys)]
        if pick.random() < 0.05:
            metrics.append({"key": "accuracy", "value": pick.choice(_BAD_METRICS)})
        if pick.random() < 0.05:
            metrics.append({"key": _BAD_KEY, "value": 1})
        files.update(
            version_files(
                version, model, artifacts=[stored_artifact(f"{model}{number}".encode())], metrics=metrics,
                framework={"type": pick.choice(_FRAMEWORKS)}, description="\n".join(pick.sample(words, 2)),
            )
        )  # fmt: skip
        if pick.random() < 0.6:
            files[f"{place}/versions/{version}/metadata.yaml"] = metadata_yaml(
                labels=pick.sample(_LABELS, pick.randrange(4)),
                metadata={"note": pick.choice(words)},
            )
        if pick.random() < 0.3:
            title = render({"schema": "title/v1", "title": pick.choice(words)})
            files[f"{place}/versions/{version}/title.yaml"] = title.decode()
        if pick.random() < 0.5:
            state = pick.choice(_STATES)
            if state == "deleted":
                files[f"{place}/versions/{version}/deletion.yaml"] = _DELETION
            files[f"{place}/versions/{version}/status.yaml"] = status_yaml(
                "withdrawn" if state == "deleted" else state
            )
    if count:
        for alias in ("production", "staging"):
            files[f"{place}/aliases/{alias}.yaml"] = alias_yaml(str(pick.randint(1, count)), model)
        files[f"{place}/tags/first.yaml"] = tag_yaml("1", model)
    return files


_PIECES = (
    "language", "Weekly", "run", "or", "NOT", "AND", "||", "&", "(a", "a)", "-x", "x*", "C++", "50%", "it's", '"', '"a b"',
    "edge", "label:edge", "label:EDGE", "label:int8", "label:a,b", "label:", "alias:production", "alias:staging", "alias:none",
    "tag:first", "framework:onnx", "framework:ONNX", "namespace:nlp", "namespace:NLP", "namespace:vision", "owner:ada", "owner:@Ada",
    "owner:@acme/speech", "task:language-id", 'task:"Language ID"', "task:STRASSE", "license:mit", "state:live", "state:archived",
    "state:deprecated", "state:withdrawn", "state:active", "state:deleted", "state:none", "state:erased", "title:a,b", 'title:"Stra\xdfe, 50%"', "title:language", "metrics.F1>0", "colour:red", "http://x",
    "accuracy", "accuracy>=0.9", "accuracy >= 0.5", "accuracy>0.95", "accuracy<1", "accuracy<=1e308", "accuracy=0.9", "accuracy==1",
    "accuracy!=0.9", "accuracy=good", "accuracy!=good", "0.9<=accuracy", "0.5<accuracy<0.9", "accuracy>=0.9<1", "accuracy=>1",
    "accuracy<>1", "accuracy=~1", "accuracy\u22650.9", "loss~0.1", "accuracy>=", ">=0.9", "accuracy>=0.9)", "(accuracy>=0.9",
    "accuracy>=abc", "accuracy>=1_0", "accuracy>=\uff11", "accuracy>=0x1", "accuracy>=inf", "accuracy>nan", "accuracy=inf",
    "accuracy>=9007199254740992", "accuracy=9007199254740993", "accuracy>=1e309", "accuracy>-1e30", "accuracy<1e400",
    '"F1 (macro)">=0.8', '"F1 (macro)" != 1', "metrics.accuracy>=0.9", "metrics.loss>0", "loss>0", "label>=1", "constructor>0",
    "__proto__>0", "\xe9te>=0", "e\u0301te>=0", "\xe9te=\xe9te", 'accuracy="0.9"', 'accuracy>="0.9 "', "a!b", "!x", "x!=", "=", "\u00a0",
    "\x1c", "\x85", "\ufeff", *_ACCENTS, "\u1e9e", "\u0131", "\u017f", "m-1", "nlp/m-1@1", "@1", "\n", "  ",
    '"a b">0', '"x>=1"!=good', "\x00", "accuracy\x00", "accuracy=NaN", "accuracy!=NaN", 'accuracy="NaN"', "accuracy=-inf", "accuracy>=-0", "accuracy>=5e-324",
    "accuracy>=1e-400", "accuracy<=0,9", "accuracy>=90%", "f1!=good", "f1<0.95", "f1==0.30000000000000004", "label!=1", "LABEL:edge",
    "Namespace:speech", "state:LIVE", "alias:Production", "version:1", "\U0001f600", "\ud800", "'", "a\\b", "\\", "<script>", "%00",
)  # fmt: skip


def make_queries(count: int, seed: int = 1) -> list[tuple[str, bool]]:
    """Queries of up to four terms, some of which are none; each with whether it asks for versions."""
    pick = Random(seed)
    alone = [(piece, versions) for piece in _PIECES for versions in (False, True)]
    while len(alone) < count:
        terms = pick.choices(_PIECES, k=pick.randint(1, 4))
        alone.append((pick.choice((" ", " ", "  ", "")).join(terms), pick.random() < 0.3))
    return alone


class Answer(NamedTuple):
    """What a search says.

    Attributes:
        found: References, in order.
        unreadable: Names of what cannot be read.
        error: What is wrong with the query, and what to do; empty strings where nothing is.
    """

    found: Sequence[str]
    unreadable: Sequence[str]
    error: tuple[str, str]


def write_search_site(catalog: Catalog, folder: Path, rows: Rows | None = None) -> None:
    """The search page of a registry, with its files.

    Args:
        catalog: The registry.
        folder: Where the files are written.
        rows: Those of the catalog, if they are needed further; None for others.
    """
    rows = rows or Rows(catalog)
    columns = {
        str(name): write_columns(rows.model(name), rows.versions(name)) for name in rows.models()
    }
    for made in (*render_assets(), *render_search("acme", build_index(columns))):
        for path, content in made.files():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def ask_command(registry: Path, query: str) -> tuple[list[str], str]:
    """What the command ``registry search`` prints: names in order, and what it says is wrong with the query."""
    ran = run_program("search", "--limit", "100000", "--format", "json", "--", query, cwd=registry)
    if ran.code == 2:
        return [], ran.err.partition("\n")[0].removeprefix("error: ")
    rows = cast("list[dict[str, str]]", json.loads(ran.out))
    return ["@".join(filter(None, (row["model"], row.get("version")))) for row in rows], ""


def ask_program(rows: Rows, query: str, *, versions: bool = False) -> Answer:
    """What `registry search` finds, without a limit."""
    try:
        parsed = parse_query([query], versions=versions)
    except UsageError as exc:
        return Answer([], [], (exc.message, exc.remedy or ""))
    unreadable: list[str] = []
    found = [str(hit) for hit in search(rows, parsed, unreadable=unreadable.append)]
    return Answer(found, unreadable, ("", ""))


_ASK = """async ([queries]) => {
  const form = document.getElementById('query');
  const worker = window.worker ??= new Worker(form.dataset.worker);
  const manifest = new URL(form.dataset.manifest, location.href).href;
  const answers = [];
  for (const [line, versions] of queries) {
    answers.push(await new Promise(resolve => {
      worker.onmessage = ({data}) => data.id === 0 && resolve(data);
      worker.postMessage({id: 0, manifest, line, versions, limit: null});
    }));
  }
  return JSON.stringify(answers.map(({references, unreadable, error, remedy, milliseconds}) => ({references, unreadable, error, remedy, milliseconds})));
}"""


def ask_browser(page: Page, queries: Iterable[tuple[str, bool]]) -> list[tuple[Answer, float]]:
    """What the page's worker finds, and in how many milliseconds.

    Args:
        page: The search page.
        queries: Each with whether it asks for versions.
    """
    answers = cast(
        "list[dict[str, object]]", json.loads(page.evaluate(_ASK, [[list(q) for q in queries]]))
    )
    return [
        (
            Answer(
                cast("list[str]", one.get("references") or []),
                cast("list[str]", one.get("unreadable") or []),
                (str(one.get("error") or ""), str(one.get("remedy") or "")),
            ),
            float(cast("float", one.get("milliseconds") or 0)),
        )
        for one in answers
    ]
