"""The webhooks of one registry and one protocol: a file each, outside the registry, because they contain secrets.

The folder belongs to this user, and to one server at a time. A file also says up to where its webhook has been delivered.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from registry_tool.errors import NotFoundError, OperationalError
from registry_tool.file_lock import try_lock

__all__ = ["Position", "Webhook", "WebhookStore"]

_LIMIT: Final = 64 << 10
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Position:
    """What a webhook has been told.

    Attributes:
        commit: All messages up to this commit, and those of it, are delivered.
        within: The next commit that has messages, if some of them are delivered.
        done: How many.
    """

    commit: str = ""
    within: str = ""
    done: int = 0


@dataclass(frozen=True, slots=True)
class Webhook:
    """One registration.

    Attributes:
        id: Chosen by the server.
        name: Chosen by the client; not unique.
        url: Where its messages are sent.
        events: The kinds of messages that it wants, in the words of its protocol.
        description: Free text.
        secret: What messages are signed with; empty for none.
        is_active: False where nothing is delivered.
        created: Milliseconds since 1970 UTC.
        updated: Likewise.
        position: What has been delivered.
        failing_since: Since when nothing could be delivered, in milliseconds; 0 where the last delivery succeeded.
    """

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    description: str = ""
    secret: str = field(default="", repr=False)
    is_active: bool = True
    created: int = 0
    updated: int = 0
    position: Position = Position()
    failing_since: int = 0


def _parse(text: bytes, name: str) -> Webhook:
    data = json.loads(text)
    found = Webhook(
        **{**data, "events": tuple(data["events"]), "position": Position(**data["position"])}
    )
    if str(uuid.UUID(found.id)) != name or not isinstance(found.url, str):
        raise ValueError(name)
    return found


def _load(path: Path) -> Webhook:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_LIMIT + 1)
    except OSError as exc:
        raise OperationalError(f"cannot read {path}: {exc.strerror}") from exc
    if sys.platform != "win32" and mode & _OTHERS:
        raise OperationalError(
            f"{path} can be read or written by other users", remedy=f"chmod 600 {path}"
        )
    try:
        return _parse(text[:_LIMIT], path.stem)
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise OperationalError(
            f"{path} is not a webhook", remedy=f"restore the file, or delete it: rm {path}"
        ) from exc


class WebhookStore:
    """The webhooks in a folder; safe for threads.

    Args:
        folder: Made when the first webhook is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.RLock()
        self._webhooks: dict[str, Webhook] = {}
        self._lock = -1

    def open(self) -> None:
        """Take the folder for this process, and read it; nothing where that has been done.

        Raises:
            OperationalError: Another server has it, or it cannot be read or written.
        """
        with self._guard:
            if self._lock >= 0:
                return
            handle = self._take()
            try:
                found = [_load(path) for path in sorted(self._folder.glob("*.json"))]
            except OperationalError:
                os.close(handle)
                raise
            self._webhooks = {one.id: one for one in found}
            self._lock = handle

    def _take(self) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            is_ours = try_lock(handle)
        except OSError as exc:
            raise OperationalError(f"cannot lock {self._folder}: {exc.strerror}") from exc
        if not is_ours:
            os.close(handle)
            raise OperationalError(
                "another server delivers the webhooks of this registry",
                remedy="stop it, or register webhooks there",
            )
        return handle

    def close(self) -> None:
        """Leave the folder to another process; what is moved later is not written any more."""
        with self._guard:
            if self._lock >= 0:
                os.close(self._lock)
            self._lock = -1

    def __iter__(self) -> Iterator[Webhook]:
        with self._guard:
            return iter([*self._webhooks.values()])

    def find(self, number: str) -> Webhook | None:
        """The webhook with an id; None where there is none."""
        with self._guard:
            return self._webhooks.get(number)

    def put(self, webhook: Webhook) -> None:
        """Write a webhook.

        Raises:
            OperationalError: It cannot be written.
        """
        with self._guard:
            self._write(webhook)
            self._webhooks[webhook.id] = webhook

    def remove(self, number: str) -> None:
        """Remove a webhook.

        Raises:
            NotFoundError: There is none with this id.
            OperationalError: It cannot be removed.
        """
        with self._guard:
            if number not in self._webhooks:
                raise NotFoundError(f"there is no webhook {number[:100]!a}")
            try:
                self._path(number).unlink(missing_ok=True)
            except OSError as exc:
                raise OperationalError(f"cannot remove a webhook: {exc.strerror}") from exc
            del self._webhooks[number]

    def edit(self, number: str, change: Callable[[Webhook], Webhook]) -> Webhook | None:
        """Change a webhook; the one it is now, None where there is none with this id.

        Raises:
            OperationalError: It cannot be written.
        """
        with self._guard:
            found = self._webhooks.get(number)
            if found is None or self._lock < 0:
                return None
            changed = change(found)
            self.put(changed)
            return changed

    def _path(self, number: str) -> Path:
        return self._folder / f"{number}.json"

    def _write(self, webhook: Webhook) -> None:
        text = json.dumps(asdict(webhook), ensure_ascii=True).encode()
        try:
            handle, made = tempfile.mkstemp(
                prefix=".", suffix=".tmp", dir=self._folder
            )  # mode 0600
            with os.fdopen(handle, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(made).replace(self._path(webhook.id))
        except OSError as exc:
            raise OperationalError(f"cannot write {self._folder}: {exc.strerror}") from exc
