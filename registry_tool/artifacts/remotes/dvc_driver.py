"""DVC's file system for a remote, made from the remote's settings; nothing else here imports DVC.

Two things differ from what plain DVC does over SSH: an agent is not forwarded unless the settings say so, and the key of
a host that ``known_hosts`` has must be the one it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_tool.artifacts.remotes.config import RemoteSettings
from registry_tool.artifacts.remotes.errors import ErrorTranslator
from registry_tool.artifacts.remotes.kinds import find_kind
from registry_tool.errors import RemoteError

if TYPE_CHECKING:
    from dvc_objects.fs.base import FileSystem

__all__ = ["close_session", "open_driver"]

_SSH_PORT: Final = 22


def _install(scheme: str) -> str:
    extra = find_kind(scheme).extra
    package = f"registry-tool[{extra}]" if extra else f"dvc-{scheme}"
    return f'pip install "{package}"'


def _known_hosts(host: str, port: int) -> str | None:
    """The user's ``known_hosts`` when it has a key of this host; None accepts any, as plain DVC does."""
    import asyncssh

    place = Path.home() / ".ssh" / "known_hosts"
    try:
        known = asyncssh.read_known_hosts(str(place))
        # A port other than the usual one is written as [host]:port, which is looked up when the port is given.
        found = known.match(host, "", port if port != _SSH_PORT else None)
    except (OSError, ValueError):
        return None
    return str(place) if any(found[:2]) or any(found[3:5]) else None


def _secure(fs: FileSystem) -> None:
    args = fs.fs_args
    args["agent_forwarding"] = bool(fs.config.get("agent_forwarding", False))
    args["known_hosts"] = _known_hosts(str(args["host"]), int(args.get("port", _SSH_PORT)))


def _lacks_secret(scheme: str, options: Mapping[str, object]) -> bool:
    """True when the settings name a user and no secret; each driver fails on that in its own way."""
    user = find_kind(scheme).user_option
    if not user or not options.get(user):
        return False
    return not any(options.get(key) for key in ("password", "ask_password", "token"))


def _lacks_package(errors: ErrorTranslator) -> RemoteError:
    return RemoteError(
        f"{errors.label} needs a package that is not installed",
        remedy=f"run: {_install(errors.scheme)}",
    )


def _lacks_dvc(errors: ErrorTranslator) -> RemoteError:
    """In an image of the reader; the message says what works there."""
    reads = (
        '; or to read only: pip install "registry-tool-reader[s3]"'
        if find_kind(errors.scheme).reader == "s3"
        else ""
    )
    return RemoteError(
        f"{errors.label} needs the package dvc, which is not installed;"
        " without it, folders, web servers and S3 can be read, and folders written",
        remedy=f"run: {_install(errors.scheme)}{reads}",
    )


def open_driver(chosen: RemoteSettings, errors: ErrorTranslator) -> tuple[FileSystem, str]:
    """DVC's file system, and the remote's place in it. SSH connects now, the others with the first request.

    Raises:
        RemoteError: DVC refuses the options, the package for the scheme is missing, or the host refuses.
    """
    if _lacks_secret(errors.scheme, chosen.options):
        raise errors.no_credentials()
    with errors.translate("cannot be opened"):
        try:
            from dvc.fs import RemoteMissingDepsError, get_cloud_fs
        except ImportError as exc:
            raise _lacks_dvc(errors) from exc
        try:
            config = {"core": dict(chosen.core)}
            kind, options, path = get_cloud_fs(config, url=chosen.url, **chosen.options)
            fs: FileSystem = kind(**options)
            if fs.protocol == "ssh":
                _secure(fs)
            fs.fs  # noqa: B018 - made once here: threads would each make one, with its own connections
        except (ImportError, RemoteMissingDepsError) as exc:
            raise _lacks_package(errors) from exc
    if fs.protocol == "local":  # DVC would make a folder named after the scheme
        raise RemoteError(
            f"{errors.label} has a URL that DVC does not support",
            remedy=f"a local folder is written as a plain path: dvc remote modify {chosen.name} url /PATH",
        )
    return fs, str(path)


def close_session(driver: object) -> None:
    """Close the connections of HTTP, S3 or WebDAV: fsspec gives up after 0.1 s, or leaves them open.

    Nothing is waited for, because this may run in any thread, that of the event loop included.
    """
    import asyncio

    if (web := getattr(getattr(driver, "client", None), "http", None)) is not None:
        web.close()
    loop = getattr(driver, "loop", None)
    if loop is None or not loop.is_running():
        return
    if (session := getattr(driver, "_session", None)) is not None:
        asyncio.run_coroutine_threadsafe(session.close(), loop)
    if (client := getattr(driver, "_s3", None)) is not None:
        asyncio.run_coroutine_threadsafe(client.close(), loop)
