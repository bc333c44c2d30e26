"""The file of tokens: one JSON document a line, with the SHA-256 of a token and what it allows.

Other lines say what tokens of an issuer allow, by claim: see ``claims.ClaimRule``.

The file belongs to one user, has mode 0600, and is outside the registry. A token is 256 random bits, so its SHA-256 can be
stored without a salt (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html covers passwords,
which are guessable), and a look-up by digest takes the same time for every wrong token.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

from registry_tool.access.claims import ClaimRule, split_rule
from registry_tool.access.subjects import Grant, Subject, SubjectKind, parse_grants
from registry_tool.errors import NotFoundError, OperationalError, UsageError
from registry_tool.file_lock import lock_exclusively

__all__ = [
    "Token",
    "TokenFile",
    "add_rule",
    "add_token",
    "digest",
    "remove_rule",
    "revoke_token",
]

_PREFIX: Final = "rt_"
_LIMIT: Final = 4 << 20
_SHOWN: Final = 10  # digits of a digest that name a token; enough for a million tokens
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def digest(token: str) -> str:
    """What is stored of a token: the SHA-256 of its UTF-8 form, in hexadecimal."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Token:
    """One token, without its text.

    Attributes:
        sha256: The digest of its text.
        subject: Who it is for, and what it allows.
        created: When it was made, UTC.
        expires: From when it is refused, UTC; None for never.
    """

    sha256: str
    subject: Subject
    created: dt.datetime
    expires: dt.datetime | None = None

    @property
    def id(self) -> str:
        """How ``list`` and ``revoke`` name it."""
        return self.sha256[:_SHOWN]

    def is_valid_at(self, moment: dt.datetime) -> bool:
        """True before it expires."""
        return self.expires is None or moment < self.expires


def _moment(written: object) -> dt.datetime:
    if not isinstance(written, str):
        raise ValueError("not a time")  # noqa: TRY004 (a line that cannot be read)
    found = dt.datetime.fromisoformat(written)
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found


def _parse(line: str) -> Token | ClaimRule:
    data = json.loads(line)
    if "claim" in data:
        claim, value = split_rule(f"{data['claim']}={data['value']}")
        return ClaimRule(claim, value, parse_grants(data["scopes"]), _moment(data["created"]))
    kind = next(one for one in get_args(SubjectKind) if one == data["kind"])
    subject = Subject(str(data["name"]), str(data["email"]), kind, parse_grants(data["scopes"]))
    expires = data.get("expires")
    sha256 = str(data["sha256"])
    bytes.fromhex(sha256)
    return Token(
        sha256, subject, _moment(data["created"]), None if expires is None else _moment(expires)
    )


def _render(line: Token | ClaimRule) -> str:
    return json.dumps(
        _rule_data(line) if isinstance(line, ClaimRule) else _token_data(line), ensure_ascii=False
    )


def _rule_data(rule: ClaimRule) -> dict[str, object]:
    return {
        "claim": rule.claim,
        "value": rule.value,
        "scopes": [str(grant) for grant in rule.grants],
        "created": rule.created.isoformat(timespec="seconds"),
    }


def _token_data(token: Token) -> dict[str, object]:
    subject = token.subject
    data: dict[str, object] = {
        "sha256": token.sha256,
        "name": subject.name,
        "email": subject.email,
        "kind": subject.kind,
        "scopes": [str(grant) for grant in subject.grants],
        "created": token.created.isoformat(timespec="seconds"),
    }
    if token.expires is not None:
        data["expires"] = token.expires.isoformat(timespec="seconds")
    return data


def _check_private(path: Path, status: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    if status.st_mode & _OTHERS:
        raise OperationalError(
            f"{path} can be read or written by other users", remedy=f"chmod 600 {path}"
        )


class TokenFile:
    """The tokens of a file, read again when the file changes.

    Args:
        path: The file; it may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}
        self._rules: tuple[ClaimRule, ...] = ()

    @property
    def rules(self) -> tuple[ClaimRule, ...]:
        """What tokens of an issuer allow."""
        self._refresh()
        return self._rules

    def __iter__(self) -> Iterator[Token]:
        self._refresh()
        return iter([*self._tokens.values()])

    def find(self, token: str, *, now: dt.datetime | None = None) -> Token | None:
        """The valid token of a text; None where it is unknown or has expired."""
        self._refresh()
        found = self._tokens.get(digest(token))
        if found is None or not found.is_valid_at(now or dt.datetime.now(dt.UTC)):
            return None
        return found

    def _refresh(self) -> None:
        """Read the file, if it is not the one that was read last.

        Raises:
            OperationalError: It cannot be read, other users may read it, or a line is not a token.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._known, self._tokens, self._rules = None, {}, ()
            return
        except OSError as exc:
            raise OperationalError(f"cannot read {self.path}: {exc.strerror}") from exc
        known = (status.st_ino, status.st_size, status.st_mtime_ns)
        if known == self._known:
            return
        _check_private(self.path, status)
        lines = [*_read(self.path)]
        self._tokens = {line.sha256: line for line in lines if isinstance(line, Token)}
        self._rules = tuple(line for line in lines if isinstance(line, ClaimRule))
        self._known = known


def _read(path: Path) -> Iterator[Token | ClaimRule]:
    try:
        with path.open("rb") as file:
            text = file.read(_LIMIT + 1)
    except OSError as exc:
        raise OperationalError(f"cannot read {path}: {exc.strerror}") from exc
    if len(text) > _LIMIT:
        raise OperationalError(f"{path} is larger than {_LIMIT >> 20} MiB")
    for number, line in enumerate(text.decode(errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield _parse(line)
        except (ValueError, TypeError, KeyError, AttributeError, StopIteration, UsageError) as exc:
            raise OperationalError(
                f"{path}:{number}: this line is not a token",
                remedy="restore the file, or delete the line; registry serve token add writes a new one",
            ) from exc


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process changes the file at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        lock_exclusively(handle)
        yield
    finally:
        os.close(handle)


def _write(path: Path, lines: Iterable[Token | ClaimRule]) -> None:
    text = "".join(f"{_render(line)}\n" for line in lines)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def add_token(
    path: Path,
    subject: Subject,
    *,
    expires: dt.datetime | None = None,
    text: str = "",
) -> tuple[str, Token]:
    """Add a token to a file, which is created if it does not exist.

    Args:
        path: The file.
        subject: Who the token is for, and what it allows.
        expires: From when it is refused; None for never.
        text: The text, for protocols that prescribe its form; by default 256 random bits.

    Returns:
        The text of the token, which is stored nowhere, and the token.

    Raises:
        UsageError: The subject has no grants.
        OperationalError: The file cannot be read or written.
    """
    if not subject.grants:
        raise UsageError("a token needs at least one scope", remedy="add --scope read")
    text = text or f"{_PREFIX}{secrets.token_urlsafe(32)}"
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    token = Token(digest(text), replace(subject), now, expires)
    try:
        with _locked(path):
            file = TokenFile(path)
            _write(path, [*file, token, *file.rules])
    except OSError as exc:
        raise OperationalError(f"cannot write {path}: {exc.strerror}") from exc
    return text, token


def revoke_token(path: Path, name: str) -> list[Token]:
    """Remove tokens from a file.

    Args:
        path: The file.
        name: The ``id`` of a token, or the name or address of a subject, all of whose tokens are removed.

    Raises:
        NotFoundError: The file has no such token.
        OperationalError: The file cannot be read or written.
    """
    try:
        with _locked(path):
            file = TokenFile(path)
            tokens = [*file]
            gone = [t for t in tokens if name in {t.id, t.sha256, t.subject.name, t.subject.email}]
            if not gone:
                raise NotFoundError(
                    f"{path} has no token {name!a}",
                    remedy=f"registry serve token list --tokens {path}",
                )
            _write(path, [*(token for token in tokens if token not in gone), *file.rules])
    except OSError as exc:
        raise OperationalError(f"cannot write {path}: {exc.strerror}") from exc
    return gone


def add_rule(path: Path, written: str, grants: tuple[Grant, ...]) -> ClaimRule:
    """Add a rule to a file, which is created if it does not exist; it replaces the one for the same claim and value.

    Args:
        path: The file.
        written: The claim and its value, as in ``claims.split_rule``.
        grants: What tokens with this claim may do.

    Raises:
        UsageError: The claim is not written as one, or there are no grants.
        OperationalError: The file cannot be read or written.
    """
    if not grants:
        raise UsageError("a rule needs at least one scope", remedy="add --scope read")
    rule = ClaimRule(*split_rule(written), grants, dt.datetime.now(dt.UTC).replace(microsecond=0))
    try:
        with _locked(path):
            file = TokenFile(path)
            others = (one for one in file.rules if str(one) != str(rule))
            _write(path, [*file, *others, rule])
    except OSError as exc:
        raise OperationalError(f"cannot write {path}: {exc.strerror}") from exc
    return rule


def remove_rule(path: Path, written: str) -> ClaimRule:
    """Remove a rule from a file.

    Args:
        path: The file.
        written: The claim and its value.

    Raises:
        NotFoundError: The file has no such rule.
        OperationalError: The file cannot be read or written.
    """
    try:
        with _locked(path):
            file = TokenFile(path)
            gone = next((one for one in file.rules if str(one) == written), None)
            if gone is None:
                raise NotFoundError(
                    f"{path} has no rule {written!a}",
                    remedy=f"registry serve grant list --tokens {path}",
                )
            _write(path, [*file, *(one for one in file.rules if one is not gone)])
    except OSError as exc:
        raise OperationalError(f"cannot write {path}: {exc.strerror}") from exc
    return gone
