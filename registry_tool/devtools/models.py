"""The typed manifests, generated from ``schemas/``: ``python -m registry_tool.devtools.models [--check]``.

Each object of a schema becomes a frozen class in ``registry_tool/manifests/models/``; each enumeration a ``Literal``.
Limits, patterns and conditions stay in the schema, which ``Manifest.from_data`` asks before it makes an object, so that
one verdict holds for files and for objects (docs/decisions/0037).
"""

from __future__ import annotations

import json
import keyword
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.manifests.data import Data, member, text, texts
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema import schema_data, schema_ids

__all__ = ["main", "render_modules"]

_FOLDER: Final = Path("registry_tool/manifests/models")
# The formatter takes its settings from the project around this path.
_FORMATTED_AS: Final = Path(__file__).parents[1] / "manifests" / "models" / "x.py"
_RUN: Final = "python -m registry_tool.devtools.models"
# The module of each kind of manifest; what several of them use is in `parts`.
_MODULES: Final = {
    "model": "model", "metadata": "model", "version": "version", "evidence": "evidence",
    "registry": "registry", "namespace": "registry", "waiver": "registry", "key": "encryption",
    "recipients": "encryption", "dvc": "pointer", "alias": "lifecycle", "tag": "lifecycle", "status": "lifecycle",
    "draft": "lifecycle",
    "title": "lifecycle", "deletion": "lifecycle", "wire": "serve", "object": "serve", "serve": "serve",
}  # fmt: skip
_ABOUT: Final = {
    "parts": "Parts of several manifests",
    "model": "``model.yaml`` and ``metadata.yaml``",
    "version": "``version.yaml``, the frozen record of a version",
    "evidence": "``evidence/<id>.yaml``",
    "registry": "``registry.yaml``, ``namespace.yaml`` and waivers",
    "encryption": "``recipients.yaml``, ``key.yaml`` and ``keys/<group>.yaml``",
    "pointer": "``<artifact>.dvc``, DVC's own format",
    "lifecycle": "Aliases, tags, titles, ``status.yaml``, ``draft.yaml`` and ``deletion.yaml``",
    "serve": "``serve.yaml``, ``wire.yaml`` and objects",
}
# Where the name in the schema is too general for a class.
_CLASSES: Final = {
    "dvc": "PointerManifest", "file": "FileEntry", "cloud": "CloudVersion", "member": "PointerMember", "output": "PointerOutput",
    "dependency": "PointerDependency", "repo": "PointerRepository", "db": "PointerQuery", "wrap": "KeyWrap",
    "subject": "EvidenceSubject", "scan": "ScanPolicy", "metric.value": "MetricBytes", "free": "", "format": "ArtifactFormat",
    "signature": "ModelSignature", "source": "VersionSource", "reference": "ExternalReference",
}  # fmt: skip
_SCALARS: Final = {"string": "str", "integer": "int", "number": "int | float", "boolean": "bool"}
_RESERVED: Final = frozenset({"schema", "json", "copy", "dict"})
_LINE: Final = 99


class _Class(NamedTuple):
    """A class to write: its source, and the names that it uses."""

    name: str
    lines: list[str]
    uses: frozenset[str]


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _wrap(words: str, first: str, rest: str, width: int = _LINE) -> list[str]:
    return textwrap.wrap(words, width, initial_indent=first, subsequent_indent=rest) or [first]


class _Writer:
    """Collects the classes of all schemas; equal parts of several schemas are one class."""

    def __init__(self) -> None:
        self.classes: dict[str, _Class] = {}
        self.kinds: dict[str, set[str]] = {}  # which kinds of manifests use a class
        self.manifests: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._schema: Data = {}
        self._kind = ""
        self._schema_id = self._suffix = ""

    def add(self, schema_id: str) -> None:
        """Take in one schema."""
        self._schema, (self._kind, _, version) = schema_data(schema_id), schema_id.partition("/")
        self._suffix = "" if version == "v1" else version.upper()
        name = _CLASSES.get(self._kind) or f"{_pascal(self._kind)}Manifest"
        self._schema_id = schema_id
        self.manifests[schema_id] = self._object(self._schema, name, "Manifest")

    def _resolve(self, rule: Data) -> tuple[Data, str]:
        """The rule behind references, and the name of its definition."""
        name = ""
        while reference := text(rule, "$ref"):
            name = reference.rpartition("/")[2]
            rule = member(self._schema, "$defs", name)
        return rule, name

    def _canonical(self, rule: JSON) -> JSON:
        """A rule with all references replaced, so that equal ones are equal."""
        if isinstance(rule, dict):
            if isinstance(rule.get("$ref"), str):
                resolved = dict(self._resolve(rule)[0])
                return self._canonical(resolved)
            return {k: self._canonical(v) for k, v in rule.items() if k != "$defs"}
        return [self._canonical(one) for one in rule] if isinstance(rule, list) else rule

    def _object(self, rule: Data, wanted: str, base: str) -> str:
        """The class of an object; written when it is met first."""
        identity = json.dumps(self._canonical(dict(rule)), sort_keys=True)
        name = self._known.get(identity)
        if name is None:
            name = wanted
            while name in self.classes:
                name = (
                    f"{wanted}{self._suffix}"
                    if self._suffix and name == wanted
                    else f"{_pascal(self._kind)}{wanted}"
                )
            self._known[identity] = name
            self.classes[name] = self._class(name, base, rule)
        self._use(name)
        return name

    def _use(self, name: str) -> None:
        self.kinds.setdefault(name, set()).add(_MODULES[self._kind])
        for inner in self.classes[name].uses if name in self.classes else ():
            self._use(inner)

    def _class(self, name: str, base: str, rule: Data) -> _Class:
        required, uses = texts(rule, "required"), set[str]()
        fields, described = [], []
        for key, value in member(rule, "properties").items():
            given = value if isinstance(value, dict) else {}
            is_taken = key in _RESERVED or keyword.iskeyword(key)
            attribute = f"{key}_" if is_taken else key
            kind = self._type(given, f"{name}.{key}", uses)
            fields.append(_field(attribute, key, kind, given, is_required=key in required))
            words = text(given, "description") or text(self._resolve(given)[0], "description")
            described += _wrap(words, f"        {attribute}: ", " " * 12)
        about = text(rule, "description") or f"{text(rule, 'title')}."
        summary, _, more = about.partition(". ")
        lines = [f"class {name}({base}):", f'    """{summary.removesuffix(".")}.', ""]
        lines += [*_wrap(more, "    ", "    "), ""] if more else []
        lines += ["    Attributes:", *described, '    """', ""]
        if base == "Manifest":
            lines += [f'    schema_id: ClassVar[str] = "{self._schema_id}"', ""]
        lines += fields
        return _Class(name, lines, frozenset(uses))

    def _type(self, rule: Data, at: str, uses: set[str]) -> str:
        rule, definition = self._resolve(rule)
        values = texts(rule, "enum") or texts({"enum": [rule.get("const")]}, "enum")
        if values:
            return f"Literal[{', '.join(map(json.dumps, values))}]"
        kinds = texts(rule, "type") or [k for k in [text(rule, "type")] if k]
        found = [self._one(kind, rule, definition, at, uses) for kind in kinds]
        return " | ".join(dict.fromkeys(" | ".join(found).split(" | "))) if found else "JsonValue"

    def _one(self, kind: str, rule: Data, definition: str, at: str, uses: set[str]) -> str:
        if kind == "array":
            return f"tuple[{self._type(member(rule, 'items'), at, uses)}, ...]"
        if kind != "object":
            return _SCALARS[kind]
        if rule.get("properties"):
            owner, _, key = at.rpartition(".")
            inline = (
                _CLASSES.get(f"{owner.lower()}.{key}")
                or _CLASSES.get(key)
                or f"{owner}{_pascal(key)}"
            )
            wanted = (_CLASSES.get(definition) or _pascal(definition)) if definition else inline
            name = self._object(rule, wanted, "Part")
            uses.add(name)
            return name
        values = rule.get("additionalProperties")
        inner = self._type(values, at, uses) if isinstance(values, dict) else "JsonValue"
        return f"dict[str, {inner}]"


def _field(attribute: str, key: str, kind: str, rule: Data, *, is_required: bool) -> str:
    """One line of a class; an absent list is an empty one, an absent mapping too."""
    alias = f'alias="{key}"' if attribute != key else ""
    if is_required:
        return f"    {attribute}: {kind}" + (f" = Field({alias})" if alias else "")
    if "default" in rule:
        default = f"{rule['default']!r}"
    elif kind.startswith("tuple["):
        default = "()"
    elif kind.startswith("dict["):
        return f"    {attribute}: {kind} = Field(default_factory=dict)"
    else:
        kind, default = ("JsonValue" if kind == "JsonValue" else f"{kind} | None"), "None"
    value = f"Field(default={default}, {alias})" if alias else default
    return f"    {attribute}: {kind} = {value}"


def _order(names: Sequence[str], classes: Mapping[str, _Class]) -> Iterator[str]:
    """The classes of a module, each behind those that it uses."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name in names and name not in done:
            done.add(name)
            for used in sorted(classes[name].uses):
                yield from visit(used)
            yield name

    for name in names:
        yield from visit(name)


def _module(about: str, body: str, imports: Sequence[str], exported: Sequence[str]) -> str:
    head = [f'"""{about}, as types; generated from ``schemas/`` by ``{_RUN}``."""', ""]
    names = "".join(f'    "{name}",\n' for name in sorted(exported))
    head += [
        "from __future__ import annotations",
        "",
        *imports,
        "",
        f"__all__ = [\n{names}]",
        "",
        "",
    ]
    return "\n".join(head) + body


def _imports(body: str, homes: Mapping[str, str], own: str) -> list[str]:
    # The formatter removes those that are not used.
    lines = [
        "from typing import ClassVar, Literal",
        "",
        "from pydantic import Field, JsonValue",
        "",
    ]
    needed: dict[str, set[str]] = {}
    for base in ("Manifest", "Part"):
        if f"({base}):" in body:
            needed.setdefault("base", set()).add(base)
    for name, home in homes.items():
        if home != own and any(
            f"{a}{name}{b}" in body for a in (" ", "[") for b in (" ", ",", "]", "\n")
        ):
            needed.setdefault(home, set()).add(name)
    for home in sorted(needed):
        names = ", ".join(sorted(needed[home]))
        lines.append(f"from registry_tool.manifests.models.{home} import {names}")
    return lines


def render_modules() -> dict[str, str]:
    """The text of each generated module, formatted, by file name."""
    writer = _Writer()
    for schema_id in sorted(schema_ids()):
        writer.add(schema_id)
    homes = {
        name: next(iter(users)) if len(users) == 1 else "parts"
        for name, users in writer.kinds.items()
    }
    found = {}
    for module in _ABOUT:
        names = [*_order([n for n in writer.classes if homes[n] == module], writer.classes)]
        body = "\n\n\n".join("\n".join(writer.classes[name].lines) for name in names) + "\n"
        found[f"{module}.py"] = _module(_ABOUT[module], body, _imports(body, homes, module), names)
    rows = "".join(f'        "{i}": {name},\n' for i, name in writer.manifests.items())
    table = f"MANIFESTS: Final[Mapping[str, type[Manifest]]] = MappingProxyType(\n    {{\n{rows}    }}\n)\n"
    table += '"""The class of each schema, by the ``schema:`` line."""\n'
    imports = [
        "from collections.abc import Mapping",
        "from types import MappingProxyType",
        "from typing import Final",
        "",
    ]
    imports += _imports(f"(Manifest):{table}", homes, "table")
    found["table.py"] = _module("All manifests", table, imports, ["MANIFESTS"])
    return {name: _format(source) for name, source in found.items()}


def _format(source: str) -> str:
    """As the project's formatter writes it."""
    import subprocess

    for command in (["check", "--fix-only", "--quiet", "--select", "I,F401"], ["format"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(_FORMATTED_AS), "-"],
            input=source, capture_output=True, text=True, check=True, encoding="utf-8",
        )  # fmt: skip
        source = ran.stdout
    return source


def main(arguments: Sequence[str]) -> int:
    """Write the modules, or with ``--check`` compare them; the exit code is 1 where one differs."""
    modules = render_modules()
    if "--check" not in arguments:
        for name, source in modules.items():
            (_FOLDER / name).write_text(source, encoding="utf-8")
        return 0
    found = {path.name: path.read_text(encoding="utf-8") for path in _FOLDER.glob("*.py")}
    differing = [name for name, source in modules.items() if found.get(name) != source]
    for name in differing:
        sys.stderr.write(f"{_FOLDER / name} is out of date; run: {_RUN}\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
