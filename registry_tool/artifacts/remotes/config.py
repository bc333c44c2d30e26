"""Which DVC remote a registry uses: DVC's own configuration files, merged as DVC merges them.

Later levels win: system, global, committed (``.dvc/config``), local (``.dvc/config.local``). The committed level comes
from a Git tree, so anybody may have written it: only what ``manifests.dvc_config`` lists is taken from it, and a secret
there is refused. Everything else goes into the local or the global level. A local level that Git tracks is committed,
too, and is not read; see ``Store``.

DVC itself is not imported here (it takes 120 ms); a test compares the result with ``dvc.config.Config``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from registry_tool.artifacts.filesystem import on_disk
from registry_tool.artifacts.remotes.kinds import find_kind, parse_scheme
from registry_tool.errors import NoRemoteError, RemoteError
from registry_tool.manifests.dvc_config import (
    REFUSED,
    Sections,
    parse_remote_name,
    parse_sections,
    take,
    unsafe_hosts,
)

__all__ = [
    "DvcSettings",
    "RemoteSettings",
    "all_remotes",
    "committed_remotes",
    "endpoint",
    "select_remote",
]

_PASSWORD = re.compile(r"\w+://[^/@:]*:[^/@]+@")
_REMOTE_URL = re.compile(r"remote://([^/]*)/?(.*)")
_PATH_OPTIONS = (
    "url",
    "gdrive_user_credentials_file",
    "gdrive_service_account_json_file_path",
    "credentialpath",
    "configpath",
    "keyfile",
    "cert_path",
    "key_path",
)
_ADD = "run: dvc remote add -d storage URL"
_INIT = "run: dvc init -q && dvc remote add -d storage URL"
_COMMIT = 'run: git add .dvc/config && git commit -m "Add the DVC remote" .dvc/config'


@dataclass(frozen=True)
class DvcSettings:
    """Where DVC's configuration of a registry is.

    Attributes:
        config: The bytes of the committed ``.dvc/config``.
        local_config: ``.dvc/config.local``, where there is a work tree that may have one.
        root: The folder of the registry or of its local repository; relative URLs of the committed level start at
            its ``.dvc``. Without it they cannot be used.
        registry: Which registry it is, on this machine: the hosts that get credentials are remembered for it. Without
            it none are.
    """

    config: bytes = b""
    local_config: Path | None = None
    root: Path | None = None
    registry: str = ""


@dataclass(frozen=True)
class RemoteSettings:
    """One remote, references to other remotes resolved: its options as text, ``url`` apart.

    Attributes:
        name: Its name in DVC's configuration.
        url: Where it is.
        options: The others.
        core: The options of the section ``core``.
        host: Which host the committed configuration sends the question to; empty where a person's own does, and for
            a folder.
        own_host: The host that the person's own configuration names for this remote; empty where it names none.
        left_out: Options of the committed configuration that are not taken from there, and that no other level sets.
    """

    name: str
    url: str = field(repr=False)  # it may contain a password
    options: Mapping[str, object] = field(repr=False)
    core: Mapping[str, object] = field(default_factory=dict, repr=False)
    host: str = ""
    own_host: str = ""
    left_out: tuple[str, ...] = ()


class _Levels(NamedTuple):
    """The levels by themselves, each over the ones before it."""

    system: Sections
    own: Sections
    committed: Sections
    local: Sections
    left_out: Mapping[str, tuple[str, ...]]

    def merged(self) -> Sections:
        """All of them."""
        return _over(self.system, self.own, self.committed, self.local)

    def personal(self) -> Sections:
        """Without the committed one."""
        return _over(self.system, self.own, self.local)


def _over(*levels: Sections) -> Sections:
    merged: Sections = {}
    for level in levels:
        for section, options in level.items():
            merged.setdefault(section, {}).update(options)
    return merged


def _resolve_path(path: str, base: Path | None) -> str:
    if re.match(r"\w+://", path) or Path(path).is_absolute():
        return path
    expanded = os.path.expanduser(path)  # noqa: PTH111 - as DVC: an unknown ~user stays text
    if Path(expanded).is_absolute():
        return expanded
    return path if base is None else os.path.abspath(base / path)  # noqa: PTH100 - no links resolved


def _level(text: str, base: Path | None, name: str, *, trusted: bool) -> Sections:
    """One file's sections, paths of remotes resolved."""
    try:
        level = parse_sections(text, trusted=trusted)
    except ValueError as exc:
        raise RemoteError(f"{name} is not a DVC configuration: {exc}") from exc
    for section, options in level.items():
        for key in _PATH_OPTIONS if parse_remote_name(section) else ():
            if isinstance(value := options.get(key), str):
                options[key] = _resolve_path(value, base)
    return level


def _read_level(path: Path) -> Sections:
    with on_disk(f"{path} cannot be read", kind=RemoteError):
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError as exc:
            raise RemoteError(f"{path} is not UTF-8") from exc
    return _level(text, path.absolute().parent, str(path), trusted=True)


def _own_levels() -> list[Sections]:
    """DVC's system and global levels, where DVC looks for them."""
    import platformdirs

    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR") or platformdirs.site_config_dir(
        "dvc", "iterative"
    )
    own = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or platformdirs.user_config_dir(
        "dvc", "iterative"
    )
    return [_read_level(Path(folder) / "config") for folder in (system, own)]


def _check_urls(name: str, options: Mapping[str, object]) -> None:
    for option in ("url", "endpointurl", "oss_endpoint"):
        if isinstance(url := options.get(option), str) and _PASSWORD.match(url):
            raise RemoteError(
                f"the committed .dvc/config has a password in the URL of {name}",
                remedy="remove it, change the password, and run: "
                f"dvc remote modify --local {name} password PASSWORD",
            )


def _check_hosts(name: str, options: Mapping[str, object]) -> None:
    for option in unsafe_hosts(options):
        raise RemoteError(
            f"`{option}` of {name} in the committed .dvc/config contains characters that are not valid in a host, user or region",
            remedy=f"run: dvc remote modify {name} {option} VALUE",
        )


def _committed_level(settings: DvcSettings) -> tuple[Sections, dict[str, tuple[str, ...]]]:
    """The options used from the committed file, and which of each remote are left out."""
    try:
        text = settings.config.decode()
    except UnicodeDecodeError as exc:
        raise RemoteError(".dvc/config is not UTF-8") from exc
    base = None if settings.root is None else settings.root / ".dvc"
    level = _level(text, base, ".dvc/config", trusted=False)
    for section, options in level.items():
        name = parse_remote_name(section) or section
        _check_urls(name, options)
        for key in sorted(REFUSED.intersection(options)):
            raise RemoteError(
                f"the committed .dvc/config sets `{key}` of {name}: secrets and options that run commands "
                "are not allowed there",
                remedy=f"remove it, change the secret, and run: dvc remote modify --local {name} {key} VALUE",
            )
        if parse_remote_name(section):
            _check_hosts(name, options)
    taken, left = take(level)
    return taken, {
        section: tuple(one.option for one in left if one.section == section)
        for section in {one.section for one in left}
    }


def _levels(settings: DvcSettings) -> _Levels:
    system, own = _own_levels()
    committed, left = _committed_level(settings)
    local = {} if settings.local_config is None else _read_level(settings.local_config)
    return _Levels(system, own, committed, local, left)


def _is_on_disk(settings: DvcSettings, name: str = "") -> bool:
    """True where the work tree's configuration has a remote that the committed one lacks; any, without a name."""
    if settings.root is None:
        return False
    try:
        level = _read_level(settings.root / ".dvc" / "config")
    except RemoteError:
        return False
    found = {s.removeprefix("remote ") for s in level if s.startswith("remote ")}
    return name in found if name else bool(found)


def _options(levels: Sections, name: str) -> dict[str, object]:
    found = levels.get(f"remote {name}")
    if found is None:
        known = sorted(filter(None, map(parse_remote_name, levels)))
        listed = f"; remotes: {', '.join(known)}" if known else ""
        raise NoRemoteError(
            f"no DVC remote is named {name!a}{listed}",
            remedy=f"run: dvc remote add {name} URL" if name.isidentifier() else _ADD,
        )
    if not isinstance(found.get("url"), str):
        raise RemoteError(
            f"the DVC remote {name} has no usable URL",
            remedy=f"run: dvc remote modify {name} url URL",
        )
    return found


def _chain(levels: Sections, name: str) -> Iterator[str]:
    """The remotes that a remote refers to, itself first, as ``remote://other/sub`` does."""
    seen: list[str] = []
    while True:
        options = _options(levels, name)
        yield name
        seen.append(name)
        match = _REMOTE_URL.fullmatch(str(options["url"]))
        if match is None:
            return
        name = match[1]
        if name in seen:
            raise RemoteError(f"the DVC remote {seen[0]} refers to itself")


def _without_references(levels: Sections, chain: list[str]) -> dict[str, object]:
    """A remote's options; ``remote://other/sub`` takes over those of the other remote, as in DVC."""
    found: dict[str, object] = {}
    for name in reversed(chain):
        options = levels[f"remote {name}"]
        match = _REMOTE_URL.fullmatch(str(options["url"]))
        url = str(options["url"]) if match is None else f"{found['url']}/{match[2]}"
        found = {**found, **options, "url": url}
    return found


def _origin(url: str, port: object = None) -> str:
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    # A host ends at any of these: https://url.spec.whatwg.org/#host-state
    place = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2].lower()
    named, colon, said = place.rpartition(":")
    if port is not None and not (colon and said.isdigit()):
        place = f"{place}:{port}"
        named, said = place.rpartition(":")[0], str(port)
    usual = str(find_kind(scheme).port(scheme))
    return f"{scheme}://{named if named and said == usual else place}"


def endpoint(options: Mapping[str, object]) -> str:
    """Which host a remote's options, its URL among them, send credentials to; empty for a folder.

    It is an address such as ``https://s3.example.org``, without user, path, or the port that is usual anyway.
    """
    url = str(options.get("url", ""))
    scheme = parse_scheme(url) if re.match(r"\w+://", url) else ""
    if not scheme:
        shared = re.match(r"[\\/]{2}([^\\/]+)", url) if os.name == "nt" else None
        return f"smb://{shared[1].lower()}" if shared else ""
    kind = find_kind(scheme)
    if not kind.default_host:
        return _origin(url, options.get("port"))
    said = options.get(kind.host_option)
    if said is None:
        return kind.default_host
    if kind.host_option == "account_name":
        return kind.default_host.replace("//", f"//{str(said).lower()}.")
    return _origin(str(said) if "://" in str(said) else f"https://{said}")


def _host_option(options: Mapping[str, object]) -> str:
    """The option that names the host."""
    option = find_kind(parse_scheme(str(options.get("url", "")))).host_option
    return option if option in options else "url"


def _committed_host(levels: _Levels, chain: list[str], options: Mapping[str, object]) -> str:
    """The host, where the committed level names it."""
    option = _host_option(options)
    merged = levels.merged()
    # A remote that refers to another has the URL of the last one, and of other options the first that is set.
    name = chain[-1] if option == "url" else next(
        one for one in chain if option in merged[f"remote {one}"]
    )  # fmt: skip
    section = f"remote {name}"
    if option in levels.local.get(section, {}) or option not in levels.committed.get(section, {}):
        return ""
    return endpoint(options)


def _own_host(levels: _Levels, name: str) -> str:
    own = levels.personal().get(f"remote {name}", {})
    return endpoint(own) if isinstance(own.get("url"), str) else ""


def _resolve_remote(levels: _Levels, name: str) -> RemoteSettings:
    merged = levels.merged()
    chain = [*_chain(merged, name)]
    options = _without_references(merged, chain)
    left = {key for one in chain for key in levels.left_out.get(f"remote {one}", ())}
    host, own = _committed_host(levels, chain, options), _own_host(levels, name)
    return RemoteSettings(
        name=name,
        url=str(options.pop("url")),
        options=options,
        core=merged.get("core", {}),
        host=host,
        own_host=own,
        left_out=tuple(sorted(left - options.keys())),
    )


def select_remote(settings: DvcSettings, name: str | None) -> RemoteSettings:
    """The named remote, or DVC's default one.

    Raises:
        NoRemoteError: None has that name, or there is no default.
        RemoteError: The configuration cannot be used.
    """
    levels = _levels(settings)
    merged = levels.merged()
    wanted = name or merged.get("core", {}).get("remote")
    if not isinstance(wanted, str) or not wanted:
        known = sorted(filter(None, map(parse_remote_name, merged)))
        if known:
            raise NoRemoteError(
                "no DVC remote is the default", remedy=f"run: dvc remote default {known[0]}"
            )
        if _is_on_disk(settings):
            raise NoRemoteError("the DVC remotes in .dvc/config are not committed", remedy=_COMMIT)
        is_new = settings.root is not None and not (settings.root / ".dvc").is_dir()
        raise NoRemoteError("no DVC remote is configured", remedy=_INIT if is_new else _ADD)
    return _named(settings, levels, wanted.lower())


def _named(settings: DvcSettings, levels: _Levels, name: str) -> RemoteSettings:
    try:
        return _resolve_remote(levels, name)
    except NoRemoteError as exc:
        if not _is_on_disk(settings, name):
            raise
        raise NoRemoteError(
            f"the DVC remote {name!a} is in .dvc/config on disk, but not committed",
            remedy=_COMMIT,
        ) from exc


def _usable(levels: _Levels, names: Iterable[str]) -> Iterator[RemoteSettings]:
    for name in names:
        try:
            yield _resolve_remote(levels, name)
        except RemoteError:
            continue


def committed_remotes(settings: DvcSettings) -> Iterator[RemoteSettings]:
    """The remotes that the committed configuration names; those that cannot be used are passed over.

    Raises:
        RemoteError: A file cannot be read, or the committed one contains an option that it may not.
    """
    levels = _levels(settings)
    return _usable(levels, filter(None, map(parse_remote_name, levels.committed)))


def all_remotes(settings: DvcSettings) -> Iterator[RemoteSettings]:
    """The remotes of all levels, as ``committed_remotes``."""
    levels = _levels(settings)
    return _usable(levels, filter(None, map(parse_remote_name, levels.merged())))
