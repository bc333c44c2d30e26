"""The files of a new registry, from ``templates/registry/``, and of its CI, from ``templates/ci/``.

``$word`` is replaced, in CI files ``%%word``, and nothing else. ``dot-`` at the start of a name is written as a dot, so
that no tool reads the templates as settings of this checkout.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Final

from registry_tool._version import VERSION
from registry_tool.api.changes.publish import RefusedByCheckError
from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.engine import check
from registry_tool.edits.codeowners import Host, write_codeowners
from registry_tool.errors import InvalidNameError, UsageError
from registry_tool.git.tree import DictTree
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import MODEL_PATTERN, check_new_name
from registry_tool.paths import resource

__all__ = [
    "REMOTE",
    "ci_files",
    "registry_files",
    "remote_url",
    "repaired_ignore_file",
    "stored_url",
]

REMOTE: Final = "storage"
_IGNORE: Final = "templates/registry/dot-gitignore"
_MOST_SHARD: Final = 4
_WITH_SCHEME: Final = re.compile(r"\w+://.+")
_PASSWORD: Final = re.compile(r"://[^/@]*:[^/@]*@")
_HIDDEN: Final = re.compile(r"[\x00-\x1f\x7f]")


def _check_name(name: str) -> str:
    if re.fullmatch(MODEL_PATTERN, name):
        return check_new_name(name, "registry")
    raise InvalidNameError(
        f"{name[:60]!a} is not a valid registry name",
        remedy="a registry's name has 1 to 128 of A-Z a-z 0-9 with - . _ inside, such as acme-models",
    )


def stored_url(url: str, folder: Path) -> str:
    """A remote's URL as DVC writes it: a relative path starts at ``.dvc``, not at the current folder.

    Args:
        url: As the user gives it: a URL, or a folder relative to the current one.
        folder: The folder of the new registry.

    Raises:
        UsageError: It is not a URL, or contains a password.
    """
    if not url or _HIDDEN.search(url) or url.startswith("-"):
        raise UsageError(
            f"{url[:60]!a} is not a DVC remote URL",
            remedy="use a folder, or a URL such as s3://bucket/models",
        )
    if _PASSWORD.search(url):
        raise UsageError(
            "the URL of the remote contains a password, which would be committed",
            remedy=f"omit the password, then run: dvc remote modify --local {REMOTE} password PASSWORD",
        )
    if _WITH_SCHEME.fullmatch(url) or Path(url).is_absolute():
        return url
    place = Path(url).expanduser()
    if place.is_absolute():
        return str(place)
    if folder in (inside := Path(os.path.abspath(place)), *inside.parents):  # noqa: PTH100 (links stay)
        raise UsageError(
            f"the remote {url} would be inside the registry, and Git would add its files",
            remedy="use a folder next to the registry",
        )
    return Path(os.path.relpath(place, folder / ".dvc")).as_posix()


def _dvc_config(url: str | None) -> str:
    if url is None:
        return ""
    from configobj import ConfigObj

    # The parser DVC has, so that a blank, a comma or a # in a path is quoted as DVC reads it.
    config = ConfigObj({"core": {"remote": REMOTE}, f'remote "{REMOTE}"': {"url": url}})
    config.indent_type = "    "
    lines: list[str] = config.write()
    return "\n".join(lines) + "\n"


def _yaml(**fields: str | int) -> str:
    return render(dict(fields)).decode()


def _templates(folder: Path) -> Iterator[tuple[str, str]]:
    """Path in the registry and text of each template."""
    for place in sorted(folder.rglob("*")):
        if place.is_file():
            parts = place.relative_to(folder).parts
            path = "/".join(re.sub("^dot-", ".", part) for part in parts)
            yield path, place.read_text(encoding="utf-8")


class _CiTemplate(Template):
    """``$`` belongs to the shell and to the hosts' own expressions."""

    delimiter = "%%"


def remote_url(config: bytes, name: str = "") -> str:
    """The address of a remote in the bytes of a committed ``.dvc/config``; empty where it says none.

    Args:
        config: The file.
        name: The remote; DVC's default one where it is empty.
    """
    from configobj import ConfigObj, ConfigObjError

    try:
        said = ConfigObj(config.decode().splitlines(), interpolation=False)
        chosen = name or said.get("core", {}).get("remote", "")
        return str(
            said.get(f'remote "{chosen}"', said.get(f"'remote \"{chosen}\"'", {})).get("url", "")
        )
    except (ConfigObjError, UnicodeDecodeError, AttributeError):
        return ""


def ci_files(host: Host, remote: str = "") -> Mapping[str, bytes]:
    """The files that make a Git host check, merge and promote, by path.

    Args:
        host: Whose CI runs them.
        remote: The address of the DVC remote: what CI installs can reach it.
    """
    from registry_tool.artifacts.remotes.kinds import find_kind, parse_scheme

    extra = find_kind(parse_scheme(remote)).extra
    extras = ",".join(filter(None, [extra, "site"]))
    words = {"version": VERSION, "extra": f"[{extras}]"}
    templates = _templates(resource(f"templates/ci/{host}"))
    return {path: _CiTemplate(text).substitute(words).encode() for path, text in templates}


def _ignore_file(name: str, shard: int) -> str:
    model = "*/*/*" if shard else "*/*"
    return Template(resource(name).read_text(encoding="utf-8")).substitute(model=model)


# How these lines were written first; DVC took the folders of models for ignored by the first of them, and key.yaml was missing.
_EARLIER: Final = (
    "/models/{}/*", "/models/{}/tags/*", "/models/{}/aliases/*", "/models/{}/versions/*/*", "/models/{}/versions/*/evidence/*",
    "# a version: its record, what may be added to it, pointers, evidence",
    "# Bytes never go into Git: they lie beside their .dvc pointers and in the DVC remote. What is not named here, in a",
    "# model's folder or in a version's, is such bytes. One file for the whole registry: a .gitignore in each folder, as",
    "# `dvc add` writes it where this one does not reach, would make pull requests conflict.",
    "# Git and DVC read this file, each with code of its own. A pattern that ends in /* makes DVC pass over the folder itself:",
    "# `dvc pull` fetches nothing then, and `dvc gc -c` deletes what it does not see. /?* means the same files to both.",
    "# a model: model.yaml, CARD.md, pointers, tags, aliases, versions",
    "# a version: its record, its key, what may be added to it, pointers, evidence",
    "# a model: model.yaml, CARD.md, pointers, tags, aliases, evidence, versions",
    "# a version: version.yaml, key.yaml, metadata.yaml, status.yaml, CARD.md, pointers, evidence",
)  # fmt: skip


def repaired_ignore_file(source: bytes, shard: int) -> bytes:
    """A registry's ``.gitignore`` with the lines that `registry init` writes as they are today.

    Lines of others stay, in their order, below them.

    Args:
        source: The file as it is; empty where there is none.
        shard: The registry's.
    """
    ours = {line for digits in (0, 1) for line in _ignore_file(_IGNORE, digits).splitlines()}
    ours |= {line.format(model) for line in _EARLIER for model in ("*/*", "*/*/*")}
    ours.remove("")
    fresh = _ignore_file(_IGNORE, shard)
    kept = [
        line
        for line in source.splitlines(keepends=True)
        if line.rstrip().decode(errors="replace") not in ours
    ]
    others = b"".join(kept).strip(b"\r\n")
    return fresh.encode() + (b"\n" + others + b"\n" if others else b"")


def registry_files(
    *,
    name: str,
    description: str = "",
    remote: str | None = None,
    shard: int = 0,
    ci: Host | None = None,
) -> Mapping[str, bytes]:
    """The files of a new registry, by path.

    Args:
        name: Its name.
        description: What it is for.
        remote: The DVC remote's URL as written in ``.dvc/config``; None for none yet.
        shard: The number of hexadecimal digits of a folder before each model.
        ci: Whose CI is set up as well.

    Raises:
        InvalidNameError: The name is not one.
        UsageError: There are no such shards.
        RefusedByCheckError: The description does not pass.
    """
    if not 0 <= shard <= _MOST_SHARD:
        raise UsageError(f"a shard of {shard} digits is not possible", remedy="use 0 to 4")
    words = {
        "name": _yaml(x=_check_name(name)).removeprefix("x: ").rstrip("\n"),
        "description": _yaml(description=description) if description else "",
        "shard": _yaml(shard=shard) if shard else "",
        "about": f"{description.strip()}\n\n" if description.strip() else "",
        "model": "*/*/*" if shard else "*/*",
        "dvc_config": _dvc_config(remote),
    }
    templates = _templates(resource("templates/registry"))
    files = {path: Template(text).substitute(words).encode() for path, text in templates}
    files.update(ci_files(ci, remote or "") if ci is not None else {})
    report = check(DictTree(files))
    if report.verdict == "refuse":
        raise RefusedByCheckError("the new registry would fail its own check", report)
    return {**files, **write_codeowners(ci)(Catalog(DictTree(files))).puts}
