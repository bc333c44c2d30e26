"""Which DVC remote a registry uses: DVC's own configuration files, merged as DVC merges them.

Later levels win: system, global, committed (``.dvc/config``), local (``.dvc/config.local``). The committed level comes
from a Git tree and is not trusted with everything: a secret there is refused, and so is an option through which it
could make a driver run a command. Such options belong into the local or the global level.

DVC itself is not imported here (it takes 120 ms); a test holds the result to ``dvc.config.Config``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from registry_tool.artifacts.disk import on_disk
from registry_tool.errors import NoRemote, RemoteTrouble

__all__ = ["DvcSettings", "RemoteSettings", "chosen_remote", "merged_levels"]

_Level = dict[str, dict[str, object]]

_SECTION = re.compile(r'^\s*(remote|machine|db)\s*"(.*)"\s*$')
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
_SECRETS = frozenset(
    [
        "account_key",
        "bearer_token_command",
        "client_secret",
        "configpath",
        "connection_string",
        "credentialpath",
        "oss_key_secret",
        "passphrase",
        "password",
        "sas_token",
        "secret_access_key",
        "session_token",
        "sse_customer_key",
        "token",
    ]
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
    """

    config: bytes = b""
    local_config: Path | None = None
    root: Path | None = None


@dataclass(frozen=True)
class RemoteSettings:
    """One remote, references to other remotes resolved: its options as text, ``url`` apart."""

    name: str
    url: str
    options: Mapping[str, object] = field(repr=False)
    core: Mapping[str, object] = field(default_factory=dict, repr=False)


def _resolved(path: str, base: Path | None) -> str:
    if re.match(r"\w+://", path) or Path(path).is_absolute():
        return path
    expanded = os.path.expanduser(path)  # noqa: PTH111 - as DVC: an unknown ~user stays text
    if Path(expanded).is_absolute():
        return expanded
    return path if base is None else os.path.abspath(base / path)  # noqa: PTH100 - no links resolved


def _lower(data: Mapping[str, object]) -> dict[str, object]:
    return {
        key.lower(): _lower(value) if isinstance(value, dict) else value
        for key, value in data.items()
    }


def _level(text: str, base: Path | None, name: str) -> _Level:
    """One file's sections; those of remotes are named ``remote NAME``."""
    from configobj import ConfigObj, ConfigObjError

    try:
        raw = _lower(ConfigObj(text.splitlines()).dict())
    except ConfigObjError as exc:
        raise RemoteTrouble(f"{name} is not a DVC configuration: {exc}") from exc
    level: _Level = {}
    for section, options in raw.items():
        match = _SECTION.match(section)
        if not isinstance(options, dict):
            continue
        if match and match[1] == "remote":
            for key in _PATH_OPTIONS:
                if isinstance(value := options.get(key), str):
                    options[key] = _resolved(value, base)
        level[f"{match[1]} {match[2]}" if match else section] = options
    return level


def _read_level(path: Path) -> _Level:
    with on_disk(f"{path} cannot be read", kind=RemoteTrouble):
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError as exc:
            raise RemoteTrouble(f"{path} is not UTF-8") from exc
    return _level(text, path.absolute().parent, str(path))


def _own_levels() -> list[_Level]:
    """DVC's system and global levels, where DVC looks for them."""
    import platformdirs

    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR") or platformdirs.site_config_dir(
        "dvc", "iterative"
    )
    own = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or platformdirs.user_config_dir(
        "dvc", "iterative"
    )
    return [_read_level(Path(folder) / "config") for folder in (system, own)]


def _check_url(name: str, url: object) -> None:
    if isinstance(url, str) and _PASSWORD.match(url):
        raise RemoteTrouble(
            f"the committed .dvc/config has a password in the URL of {name}",
            remedy="take it out, change it, and run: "
            f"dvc remote modify --local {name} password PASSWORD",
        )


def _committed_level(settings: DvcSettings) -> _Level:
    try:
        text = settings.config.decode()
    except UnicodeDecodeError as exc:
        raise RemoteTrouble(".dvc/config is not UTF-8") from exc
    base = None if settings.root is None else settings.root / ".dvc"
    level = _level(text, base, ".dvc/config")
    for section, options in level.items():
        _check_url(section.removeprefix("remote "), options.get("url"))
        for key in sorted(_SECRETS.intersection(options)):
            name = section.removeprefix("remote ")
            raise RemoteTrouble(
                f"the committed .dvc/config sets `{key}` of {name}: it may not hold secrets, "
                "or options that run a command",
                remedy=f"remove it, change the secret, and run: dvc remote modify --local {name} {key} VALUE",
            )
    return level


def merged_levels(settings: DvcSettings) -> dict[str, dict[str, object]]:
    """All sections, later levels over earlier ones; a remote's section is named ``remote NAME``.

    Raises:
        RemoteTrouble: A file cannot be read, or the committed one holds what it may not.
    """
    levels = [*_own_levels(), _committed_level(settings)]
    if settings.local_config is not None:
        levels.append(_read_level(settings.local_config))
    merged: _Level = {}
    for level in levels:
        for section, options in level.items():
            merged.setdefault(section, {}).update(options)
    return merged


def _is_on_disk(settings: DvcSettings, name: str = "") -> bool:
    """True where the work tree's configuration has a remote that the committed one lacks; any, without a name."""
    if settings.root is None:
        return False
    try:
        level = _read_level(settings.root / ".dvc" / "config")
    except RemoteTrouble:
        return False
    found = {s.removeprefix("remote ") for s in level if s.startswith("remote ")}
    return name in found if name else bool(found)


def _options(settings: DvcSettings, levels: _Level, name: str) -> dict[str, object]:
    found = levels.get(f"remote {name}")
    if found is None:
        known = sorted(s.removeprefix("remote ") for s in levels if s.startswith("remote "))
        listed = f"; there are: {', '.join(known)}" if known else ""
        if _is_on_disk(settings, name):
            raise NoRemote(
                f"the DVC remote {name!a} is in .dvc/config on disk, and not in what is committed",
                remedy=_COMMIT,
            )
        raise NoRemote(
            f"no DVC remote is named {name!a}{listed}",
            remedy=f"run: dvc remote add {name} URL" if name.isidentifier() else _ADD,
        )
    if not isinstance(found.get("url"), str):
        raise RemoteTrouble(
            f"the DVC remote {name} has no usable URL",
            remedy=f"run: dvc remote modify {name} url URL",
        )
    return found


def _without_references(
    settings: DvcSettings, levels: _Level, name: str, seen: tuple[str, ...]
) -> dict[str, object]:
    """A remote's options; ``remote://other/sub`` takes over those of the other remote, as in DVC."""
    options = _options(settings, levels, name)
    match = _REMOTE_URL.fullmatch(str(options["url"]))
    if match is None:
        return options
    if name in seen:
        raise RemoteTrouble(f"the DVC remote {name} refers to itself")
    base = _without_references(settings, levels, match[1], (*seen, name))
    return {**base, **options, "url": f"{base['url']}/{match[2]}"}


def chosen_remote(settings: DvcSettings, name: str | None) -> RemoteSettings:
    """The named remote, or DVC's default one.

    Raises:
        NoRemote: None has that name, or there is no default.
        RemoteTrouble: The configuration cannot be used.
    """
    levels = merged_levels(settings)
    core = levels.get("core", {})
    wanted = name or core.get("remote")
    if not isinstance(wanted, str) or not wanted:
        known = sorted(s.removeprefix("remote ") for s in levels if s.startswith("remote "))
        if known:
            raise NoRemote(
                "no DVC remote is the default one", remedy=f"run: dvc remote default {known[0]}"
            )
        if _is_on_disk(settings):
            raise NoRemote("the DVC remotes in .dvc/config are not committed", remedy=_COMMIT)
        is_new = settings.root is not None and not (settings.root / ".dvc").is_dir()
        raise NoRemote("no DVC remote is configured", remedy=_INIT if is_new else _ADD)
    wanted = wanted.lower()
    options = dict(_without_references(settings, levels, wanted, ()))
    return RemoteSettings(name=wanted, url=str(options.pop("url")), options=options, core=core)
