"""Whether the promises of a registry are kept at every commit of its main branch, found out from Git alone.

Nothing of ``registry_tool`` is used here, and nothing that it keeps: the rules are written a second time, shorter and
slower, from what the documentation promises. Each commit of the first-parent line is compared with the one before it:

* what is frozen stays (records, pointers, evidence, tags), in content and mode; pointers and tags may go with an erasure;
* a name is given once: what vanished does not come back as another thing;
* a name means one thing: versions, tags and aliases of a model share one name space, case aside, as do models and namespaces;
* a stage moves when its gates, as published before, hold; or back to a version that held it and was not rolled back;
* a version's state only goes forward; models and namespaces stay;
* the main branch only grows, no tree names a path twice, and nothing secret or large is in any of its commits.

What the published policy gives up (a severity other than ``refuse``, a waiver) is not a violation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml  # type: ignore[import-untyped] # noqa: TID251 (a reader of its own: ours is what is under test)
from adversary.plain_git import Commit, Entry, PlainGit, Snapshot

__all__ = ["RegistryOracle", "Violation"]

_SECRET = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_LARGEST = 1 << 20
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_PATH = re.compile(
    r"models/(?P<model>[^/]+/[^/]+)/"
    r"(?:(?P<what>tags|aliases)/(?P<name>[^/]+)\.yaml|versions/(?P<version>[^/]+)/(?P<rest>.+)|model\.yaml)"
)
# Which rule's severity and waivers excuse which broken promise.
_RULES = {
    "frozen record": ("C401",),
    "frozen pointer": ("C401",),
    "frozen evidence": ("C411",),
    "frozen tag": ("C404",),
    "given once": ("C403",),
    "one meaning": ("M205", "R302", "M202", "M219", "R309"),
    "dangling name": ("M203", "M204"),
    "state": ("C402",),
    "permanence": ("C413",),
    "gate": ("C406",),
}


class Violation(NamedTuple):
    """One broken promise.

    Attributes:
        promise: Which.
        commit: Where on the main branch.
        path: What it is about.
        words: What was found.
    """

    promise: str
    commit: str
    path: str
    words: str


class _Place(NamedTuple):
    """What a path says."""

    model: str
    kind: str
    name: str
    version: str


def _place(path: str) -> _Place | None:
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    if match["what"]:
        return _Place(match["model"], {"tags": "tag", "aliases": "alias"}[match["what"]], match["name"], "")  # fmt: skip
    if not match["version"]:
        return _Place(match["model"], "model", "", "")
    rest, version = match["rest"], match["version"]
    kind = {"version.yaml": "version", "status.yaml": "status"}.get(rest, "other")
    if rest.startswith("evidence/"):
        kind = "evidence"
    elif rest.endswith(".dvc"):
        kind = "pointer"
    return _Place(match["model"], kind, version if kind == "version" else rest, version)


def _folded_model(model: str) -> str:
    namespace, _, name = model.partition("/")
    return f"{namespace.casefold()}/{re.sub('[-_.]', '-', name.casefold())}"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class _State:
    """One commit, read."""

    def __init__(self, git: PlainGit, commit: Commit, snapshot: Snapshot) -> None:
        self._git = git
        self.commit = commit
        self.files = snapshot.files
        self.doubled = snapshot.doubled
        self.places = {p: place for p in self.files if (place := _place(p)) is not None}

    def data(self, path: str) -> Mapping[str, object]:
        """A file as YAML with plain texts; empty for what is no mapping."""
        entry = self.files.get(path)
        if entry is None:
            return {}
        try:
            # CSafeLoader would resolve types; every scalar is a text here.
            return _mapping(yaml.load(self._git.read(entry.oid), Loader=yaml.BaseLoader))
        except (yaml.YAMLError, UnicodeDecodeError):
            return {}

    def digest(self, path: str) -> str:
        entry = self.files.get(path)
        return "" if entry is None else hashlib.sha256(self._git.read(entry.oid)).hexdigest()

    def alias(self, model: str, name: str) -> str:
        return _text(self.data(f"models/{model}/aliases/{name}.yaml").get("version"))

    def status(self, model: str, version: str) -> str:
        folder = f"models/{model}/versions/{version}"
        if f"{folder}/version.yaml" not in self.files:
            return "absent"
        path = f"{folder}/status.yaml"
        return _text(self.data(path).get("state")) if path in self.files else "active"

    def stages(self, namespace: str) -> Mapping[str, object]:
        own = _mapping(self.data(f"models/{namespace}/namespace.yaml").get("stages"))
        return {**_mapping(self.data("registry.yaml").get("stages")), **own}

    def excuses(self, promise: str, path: str) -> bool:
        """True where the policy of this state gives up a promise for a path."""
        severities = _mapping(self.data("registry.yaml").get("rules"))
        place = _place(path)
        about = {path} if place is None else {path, place.model, f"{place.model}@{place.version}"}
        waived = {
            _text(waiver.get("rule"))
            for name in self.files
            if name.startswith("waivers/")
            for waiver in [self.data(name)]
            if _text(waiver.get("subject")) in about
        }
        return any(
            severities.get(rule, "refuse") != "refuse" or rule in waived
            for rule in _RULES.get(promise, ())
        )


class RegistryOracle:
    """Watches the main branch of one repository; each commit is looked at once.

    Args:
        git_dir: The server's bare repository.
        ref: Its main branch.
    """

    def __init__(self, git_dir: Path, ref: str = "refs/heads/main") -> None:
        self.git = PlainGit(git_dir)
        self._ref = ref
        self._line: list[Commit] = []
        self._last: _State | None = None
        self._frozen: dict[str, Entry] = {}
        self._given: dict[tuple[str, str], tuple[str, str, str]] = {}
        self._holders: dict[str, list[str]] = {}
        self._seen: dict[str, int] = {}

    def look(self, *, now: int | None = None) -> list[Violation]:
        """What is broken at the commits that came since the last look.

        Args:
            now: When these were pushed, in seconds; None leaves the gates on time alone.
        """
        line = self.git.first_parent_line(self._ref)
        known = [commit.oid for commit in self._line]
        if [commit.oid for commit in line[: len(known)]] != known:
            return [Violation("only grows", line[-1].oid, "", "a published commit left the line")]
        found: list[Violation] = []
        old = known[-1] if known else None
        for commit in line[len(known) :]:
            self._line.append(commit)
            found += self._step(commit, now)
        if line[-1].oid != old:
            found += self._contents(old, line[-1].oid)
        return found

    def _step(self, commit: Commit, now: int | None) -> Iterator[Violation]:
        after = _State(self.git, commit, self.git.snapshot(commit.oid))
        before = self._last
        policy = after if before is None else before
        for promise, path, words in self._broken(before, after, now):
            if not policy.excuses(promise, path):
                yield Violation(promise, commit.oid, path, words)
        self._last = after

    def _broken(
        self, before: _State | None, after: _State, now: int | None
    ) -> Iterator[tuple[str, str, str]]:
        yield from (("plain tree", path, "no sane tree") for path in after.doubled)
        if "registry.yaml" not in after.files:
            yield "permanence", "registry.yaml", "gone"
        yield from self._frozen_files(after)
        yield from self._names(before, after)
        yield from _meanings(before, after)
        yield from _agreement(after)
        if before is not None:
            yield from _stays(before, after)
            yield from _states(before, after)
        yield from self._moves(before, after, now)

    def _contents(self, old: str | None, new: str) -> Iterator[Violation]:
        for oid in sorted(self.git.new_blobs(old, new)):
            data = self.git.read(oid)
            if _SECRET.search(data):
                yield Violation("no secrets", new, oid, "a private key is in the history")
            if len(data) > _LARGEST:
                yield Violation("no large files", new, oid, f"{len(data)} bytes in the history")

    def _frozen_files(self, after: _State) -> Iterator[tuple[str, str, str]]:
        """Records, pointers, evidence and tags as they first were."""
        kinds = {"version": "record", "pointer": "pointer", "evidence": "evidence", "tag": "tag"}
        for path, place in after.places.items():
            if place.kind in kinds and after.files[path] != self._frozen.setdefault(path, after.files[path]):  # fmt: skip
                yield f"frozen {kinds[place.kind]}", path, "it is not what it was published as"
        for path in self._frozen.keys() - after.files.keys():
            found = _place(path)
            assert found is not None
            version = found.version
            if found.kind == "tag":
                version = _text(self._yaml(self._frozen[path].oid).get("version"))
            erased = after.status(found.model, version) == "erased"
            if not (erased and found.kind in {"pointer", "tag"}):
                yield f"frozen {kinds[found.kind]}", path, "it is published and gone"

    def _yaml(self, oid: str) -> Mapping[str, object]:
        try:
            return _mapping(yaml.load(self.git.read(oid), Loader=yaml.BaseLoader))
        except (yaml.YAMLError, UnicodeDecodeError):
            return {}

    def _names(self, before: _State | None, after: _State) -> Iterator[tuple[str, str, str]]:
        """Names of models, versions and tags that were given once, and what has them now."""
        for path, place in after.places.items():
            if place.kind not in {"model", "version", "tag", "alias"}:
                continue
            key = (_folded_model(place.model), place.name.casefold() if place.kind != "model" else "")  # fmt: skip
            was = self._given.get(key)
            new = before is None or path not in before.files
            if was is not None and new and (place.kind, path, after.files[path].oid) != was:
                yield "given once", path, f"the name was that of {was[0]} {was[1]}"
            if place.kind != "alias" and was is None:
                self._given[key] = (place.kind, path, after.files[path].oid)

    def _moves(
        self, before: _State | None, after: _State, now: int | None
    ) -> Iterator[tuple[str, str, str]]:
        """Stages that moved, and whether they might."""
        index = len(self._line)
        for path, place in after.places.items():
            if place.kind == "evidence":
                self._seen.setdefault(path, index)
        was = {} if before is None else before.places
        for path in sorted(after.places.keys() | was.keys()):
            place = after.places.get(path) or was[path]
            if place.kind != "alias":
                continue
            old = "" if before is None else before.alias(place.model, place.name)
            new = after.alias(place.model, place.name)
            if old == new:
                continue
            pinned = after.data(path).get("pinned") == "true"
            held = self._holders.setdefault(path, [])
            back = pinned and new in held[:-1] and after.status(place.model, new) in {"active", "deprecated"}  # fmt: skip
            if before is not None and not back:
                question = _Question(self, before, after, place, old, new)
                yield from (("gate", path, words) for words in question.objections(now))
            if pinned and new in held[:-1]:
                del held[len(held) - 1 - held[::-1].index(new) + 1 :]
            else:
                held.append(new)

    def published_at(self, path: str) -> int:
        """The number of the commit on the line that brought a file of evidence."""
        return self._seen[path]

    def time_of(self, path: str, now: int) -> int:
        """When the last move of an alias was made: no older than what it follows, and no newer than now."""
        for number in range(len(self._line) - 2, -1, -1):
            here = self.git.snapshot(self._line[number].oid).files.get(path)
            earlier = self.git.snapshot(self._line[number - 1].oid).files.get(path) if number else None  # fmt: skip
            version = None if here is None else self._yaml(here.oid).get("version")
            other = None if earlier is None else self._yaml(earlier.oid).get("version")
            if version != other:
                times = [commit.when for commit in self.git.log(self._line[number].oid)]
                return max([t for t in times if t <= now], default=now)
        return now

    def close(self) -> None:
        """Let go of the repository."""
        self.git.close()


class _Question(NamedTuple):
    """May a version hold a stage from this commit on?"""

    oracle: RegistryOracle
    before: _State
    after: _State
    place: _Place
    old: str
    new: str

    def objections(self, now: int | None) -> Iterator[str]:
        """The gates that do not hold, as published in the commit before."""
        namespace = self.place.model.partition("/")[0]
        stages = self.before.stages(namespace)
        if self.place.name not in stages:
            return
        stage = _mapping(stages[self.place.name])
        gates = [_mapping(gate) for gate in _list(stage.get("require"))]
        before = _text(stage.get("from"))
        if not before and not gates:
            return
        if not self.new:
            if self.after.status(self.place.model, self.old) in {"active", "deprecated"}:
                yield f"removed from version {self.old}, which is in service"
            return
        if before and self.before.alias(self.place.model, before) != self.new:
            yield f"version {self.new} does not hold {before}"
        elif before and stage.get("soak") and now is not None:
            yield from self._soaked(before, _text(stage["soak"]), now)
        for gate in gates:
            if "metric" in gate and "min" in gate and not self._measures(gate):
                yield f"version {self.new} is below {gate['metric']} {gate['min']}"
            if gate.get("evidence") == "evaluation" and not self._passed(gate):
                yield f"version {self.new} has not passed {gate.get('suite')}"

    def _folder(self) -> str:
        return f"models/{self.place.model}/versions/{self.new}"

    def _soaked(self, before: str, soak: str, now: int) -> Iterator[str]:
        path = f"models/{self.place.model}/aliases/{before}.yaml"
        since = self.oracle.time_of(path, now)
        if now - since < int(soak[:-1]) * _UNITS[soak[-1]]:
            yield f"version {self.new} has held {before} for {now - since} s of {soak}"

    def _evidence(self, kind: str) -> Iterator[tuple[str, Mapping[str, object]]]:
        record = self.after.digest(f"{self._folder()}/version.yaml")
        for path in sorted(self.after.places):
            if path.startswith(f"{self._folder()}/evidence/"):
                data = self.after.data(path)
                about = _text(_mapping(data.get("subject")).get("sha256"))
                if data.get("kind") == kind and about == record:
                    yield path, data

    def _measures(self, gate: Mapping[str, object]) -> bool:
        found = _list(self.after.data(f"{self._folder()}/version.yaml").get("metrics"))
        for _, data in self._evidence("metrics"):
            found += _list(data.get("metrics"))
        values = [_mapping(m).get("value") for m in found if _mapping(m).get("key") == gate["metric"]]  # fmt: skip
        try:
            # Without steps in what is played the last one counts.
            return bool(values) and float(_text(values[-1])) >= float(_text(gate["min"]))
        except ValueError:
            return False

    def _passed(self, gate: Mapping[str, object]) -> bool:
        about = [(p, d) for p, d in self._evidence("evaluation") if d.get("suite") == gate.get("suite")]  # fmt: skip
        if not about:
            return False
        newest = max(self.oracle.published_at(path) for path, _ in about)
        said = {d.get("verdict") for p, d in about if self.oracle.published_at(p) == newest}
        return said == {gate.get("verdict")}


def _meanings(before: _State | None, after: _State) -> Iterator[tuple[str, str, str]]:
    """Names that mean two things in one commit."""
    selectors: dict[tuple[str, str], str] = {}
    models: dict[str, str] = {}
    for path, place in after.places.items():
        if place.kind == "model":
            other = models.setdefault(_folded_model(place.model), place.model)
            if other != place.model:
                yield "one meaning", path, f"{other} and {place.model} differ by case alone"
        elif place.kind in {"version", "tag", "alias"}:
            other = selectors.setdefault((place.model, place.name.casefold()), path)
            if other != path:
                yield "one meaning", path, f"the same name as {other}"
            if place.name.casefold() == "latest":
                yield "one meaning", path, "latest is the highest version"
        new = before is not None and path not in before.files
        if place.kind == "tag" and new and place.name in _stages(before, place.model):
            yield "one meaning", path, "a tag has the name of a stage"


def _stages(before: _State | None, model: str) -> Mapping[str, object]:
    return {} if before is None else before.stages(model.partition("/")[0])


def _agreement(after: _State) -> Iterator[tuple[str, str, str]]:
    """Files that contradict their place, and names that lead nowhere."""
    for path, place in after.places.items():
        if place.kind not in {"version", "tag", "alias"}:
            continue
        data = after.data(path)
        version = _text(data.get("version"))
        if data.get("model") != place.model or (place.kind == "version" and version != place.name):
            yield "agreement", path, "it is not about what its path says"
        elif place.kind != "version":
            state = after.status(place.model, version)
            wrong = {"alias": {"absent", "withdrawn", "erased"}, "tag": {"absent"}}[place.kind]
            if state in wrong:
                yield "dangling name", path, f"version {version} is {state}"


def _stays(before: _State, after: _State) -> Iterator[tuple[str, str, str]]:
    for path in before.files.keys() - after.files.keys():
        if path.endswith(("/model.yaml", "/namespace.yaml")) and path.startswith("models/"):
            yield "permanence", path, "it is published and gone"


_FOLLOWS = {
    "active": {"active", "deprecated", "withdrawn", "erased"},
    "deprecated": {"active", "deprecated", "withdrawn", "erased"},
    "withdrawn": {"withdrawn", "erased"},
    "erased": {"erased"},
}


def _states(before: _State, after: _State) -> Iterator[tuple[str, str, str]]:
    for path, place in before.places.items():
        if place.kind != "version" or path not in after.files:
            continue
        was, now = before.status(place.model, place.name), after.status(place.model, place.name)
        if now not in _FOLLOWS.get(was, {now}):
            yield "state", path, f"{was} became {now}"
