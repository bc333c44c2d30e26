"""Which hosts get credentials: those that a registry named when it was used first, and those that a person confirmed.

The committed configuration says where a remote is, and anybody may propose another host there. Credentials come from
the person's own files and environment, which know no registry. So each registry's hosts are remembered outside the
repository, as SSH remembers host keys: the first use binds silently, another host later gets nothing until
``registry remote trust`` confirms it. A host that the person's own configuration names is never asked about.

One JSON file for each registry: a changed byte in it can only withhold credentials. Where it cannot be written, such as
in a container that only reads, every use is a first one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from registry_tool.artifacts.remotes.config import DvcSettings, RemoteSettings, committed_remotes
from registry_tool.artifacts.remotes.kinds import find_kind, parse_scheme
from registry_tool.errors import OperationalError, RemoteError
from registry_tool.paths import state_folder

__all__ = ["check_host", "confirmed_hosts", "trust"]

# By the name of a remote: the hosts it may be at.
Hosts = dict[str, list[str]]

_LIMIT: Final = 1 << 20


def _place(registry: str) -> Path:
    return (
        state_folder()
        / "hosts"
        / f"{sha256(registry.encode(errors='surrogateescape')).hexdigest()}.json"
    )


def _parsed(data: bytes) -> Hosts | None:
    try:
        found = json.loads(data)["hosts"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    hosts: Hosts = {}
    for name, listed in found.items():
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            return None
        hosts[name] = listed
    return hosts


def _read(registry: str) -> Hosts | None:
    """The remembered hosts; None before the first use.

    Raises:
        RemoteError: The file is broken.
    """
    place = _place(registry)
    try:
        with place.open("rb") as stream:
            data = stream.read(_LIMIT)
    except OSError:
        return None
    hosts = _parsed(data)
    if hosts is None:
        raise RemoteError(
            f"{place} is not a valid list of hosts, so no credentials are sent",
            remedy=f"run: {_command(registry, 'NAME')}",
        )
    return hosts


def _write(registry: str, hosts: Mapping[str, list[str]]) -> None:
    place = _place(registry)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = json.dumps({"registry": registry, "hosts": hosts}, indent=1, sort_keys=True)
    handle, fresh = tempfile.mkstemp(dir=place.parent)  # for its owner alone
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(data)
        Path(fresh).replace(place)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def _command(registry: str, name: str, host: str = "") -> str:
    """The command that confirms a host, for where the user is."""
    words = ["registry", "remote", "trust", name, *([host] if host else [])]
    is_here = Path(registry).is_absolute() and Path.cwd().is_relative_to(registry)
    return shlex.join(words if is_here else [*words, "--repo", registry])


def _lends(chosen: RemoteSettings) -> bool:
    """Whether there may be credentials for it. A password in ``.netrc`` is for the host that it names."""
    if str(chosen.options.get("allow_anonymous_login", "false")).lower() == "true":
        return False
    secrets = find_kind(parse_scheme(chosen.url)).secret_options
    if secrets is None:
        return True
    return any(str(chosen.options.get(key, "false")).lower() != "false" for key in secrets)


def _is_known(chosen: RemoteSettings, hosts: Hosts) -> bool:
    if chosen.name in hosts:
        return chosen.host in hosts[chosen.name]
    # A new name for a place that gets the same credentials already.
    return any(chosen.host in listed for listed in hosts.values())


def check_host(settings: DvcSettings, chosen: RemoteSettings) -> None:
    """See that the host of a remote may get credentials; the first use of a registry binds the hosts it names.

    Raises:
        RemoteError: It is another host than the confirmed one: credentials are withheld.
    """
    if not settings.registry or not chosen.host or not _lends(chosen):
        return
    hosts = _read(settings.registry)
    own = chosen.own_host
    if own and own != chosen.host and chosen.host not in (hosts or {}).get(chosen.name, ()):
        raise _withheld(settings.registry, chosen, f"your own DVC configuration names {own}")
    if hosts is None:
        named = {one.name: [one.host] for one in committed_remotes(settings) if one.host}
        with contextlib.suppress(OSError):
            _write(settings.registry, {**named, chosen.name: [chosen.host]})
    elif not _is_known(chosen, hosts):
        known = hosts.get(chosen.name) or sorted({one for all_ in hosts.values() for one in all_})
        raise _withheld(
            settings.registry, chosen, f"this machine has confirmed {', '.join(known) or 'no host'}"
        )
    elif chosen.name not in hosts:
        with contextlib.suppress(OSError):
            _write(settings.registry, {**hosts, chosen.name: [chosen.host]})


def _withheld(registry: str, chosen: RemoteSettings, confirmed: str) -> RemoteError:
    return RemoteError(
        f"credentials are withheld from the remote {chosen.name}: the committed .dvc/config names the host "
        f"{chosen.host}, and {confirmed}",
        remedy=f"if the host is right, run: {_command(registry, chosen.name, chosen.host)}",
    )


def confirmed_hosts(settings: DvcSettings) -> Hosts:
    """The hosts that are remembered for a registry; empty before its first use.

    Raises:
        RemoteError: The file that lists them is broken.
    """
    return _read(settings.registry) or {}


def trust(registry: str, name: str, host: str) -> None:
    """Remember that a remote may be at a host from now on, besides the hosts that were confirmed before.

    Args:
        registry: Which registry it is; see ``DvcSettings``.
        name: Of the remote.
        host: An address such as ``https://s3.example.org``.

    Raises:
        OperationalError: The file cannot be written.
    """
    try:
        hosts = _read(registry) or {}
    except RemoteError:  # a broken file: from here on this host alone is confirmed
        hosts = {}
    listed = {*hosts.get(name, ()), host}
    try:
        _write(registry, {**hosts, name: sorted(listed)})
    except OSError as exc:
        raise OperationalError(f"{_place(registry)} cannot be written: {exc.strerror}") from exc
