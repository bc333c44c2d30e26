"""The rule that searches committed text for secrets.

It looks for well-known shapes of tokens, not for strings of high entropy: digests fill a registry, and false alarms
teach people to waive. A finding shows at most the first four characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from registry_tool.checks.rule import FileRule, FileView, Rule, Violation
from registry_tool.checks.rules.file import FILE_LIMIT
from registry_tool.manifests.document import READ_LIMIT

__all__ = ["RULES", "no_secret"]

_WHAT = {
    "pem": "a private key",
    "age": "an age secret key",
    "aws": "an AWS access key id",
    "awskey": "an AWS secret access key",
    "github": "a GitHub token",
    "gitlab": "a GitLab token",
    "hf": "a Hugging Face token",
    "slack": "a Slack token",
    "google": "a Google API key",
    "azure": "an Azure account key",
    "jwt": "a signed token",
    "url": "a password in a URL",
}
# Compiled on first use, which is rare: it takes a millisecond.
_SHAPES: Final = (
    rb"(?P<pem>-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----)"
    rb"|(?P<age>AGE-SECRET-KEY-1[0-9A-Z]{50,60})"
    rb"|\b(?P<aws>A(?:KI|SI)A[0-9A-Z]{16})\b(?<!EXAMPLE)"
    rb"|(?i:secret_?access_?key)[\"']?\s*[:=]\s*[\"']?(?P<awskey>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])(?<!EXAMPLEKEY)"
    rb"|\b(?P<github>gh[opsur]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{36,255})"
    rb"|\b(?P<gitlab>glpat-[A-Za-z0-9_-]{20,300})"
    rb"|\b(?P<hf>hf_[A-Za-z0-9]{30,64})\b"
    rb"|\b(?P<slack>xox[a-z]-[A-Za-z0-9-]{10,250})"
    rb"|\b(?P<google>AIza[0-9A-Za-z_-]{35})"
    rb"|AccountKey=(?P<azure>[A-Za-z0-9+/]{40,100}={0,2})"
    rb"|(?i:password|secret|token)[A-Za-z0-9_-]{0,40}[\"']?[ \t]*[:=][ \t]*[\"']?"
    rb"(?P<jwt>eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,2000})"
)
# Apart from the others: nearly every manifest has a URL, and this expression begins with a literal.
_URL = re.compile(rb"://[^\s/:@\"'<>{}$]{1,100}:(?P<url>[^\s/@\"'<>{}$]{1,200})@")
# Every text with one of the shapes contains one of these; searching for a literal is far cheaper than the expression.
_SIGNS = (
    b"PRIVATE KEY", b"AGE-SECRET-KEY-1", b"AKIA", b"ASIA", b"ghp_", b"gho_", b"ghs_", b"ghu_",
    b"ghr_", b"github_pat_", b"glpat-", b"hf_", b"xox", b"AIza", b"AccountKey=", b"eyJ",
)  # fmt: skip
_PLACEHOLDER = re.compile(rb"(?i:\**|x+|\.+|pass|password|secret|token)")
# .dvc/config: an option of a remote, with the section it stands in.
_OPTION: Final = (
    rb"(?im)^[ \t]*(?P<key>password|passphrase|secret_access_key|session_token|account_key"
    rb"|connection_string|sas_token|client_secret|gdrive_client_secret|oss_key_secret"
    rb"|sse_customer_key|token)[ \t]*=[ \t]*(?P<value>[^\s#][^\n]*)"
)
_SECTION: Final = rb"""(?m)^[ \t]*\[[ \t]*['"]?remote[ \t]+"([A-Za-z0-9._/-]+)"['"]?[ \t]*\]"""
_CONFIGS = frozenset({".dvc/config", ".dvc/config.local"})
_BINARY_PROBE = 8000
_SHOWN = 4
# Below this length, four characters would give too much of a secret away.
_LONG_ENOUGH = 16
_MOST = 20
_REVOKE = "revoke it where it was issued (Git keeps it in the history), then delete it here"

_OUT_OF_URL = (
    "move the password from the URL to a credential helper or the environment, and change it"
)


class _Secret(NamedTuple):
    what: str
    start: int
    value: bytes
    remedy: str


def _text(file: FileView) -> bytes:
    """The bytes of a text file up to 1 MiB; nothing for a binary one."""
    source = file.source
    if b"\0" in source[:_BINARY_PROBE]:
        return b""
    if len(source) > READ_LIMIT:
        return file.catalog.tree.read(file.path, limit=FILE_LIMIT) or b""
    return source


def _is_suspect(source: bytes) -> bool:
    return any(sign in source for sign in _SIGNS) or b"secret" in source.lower()


def _shapes(source: bytes) -> Iterator[_Secret]:
    for match in re.finditer(_SHAPES, source) if _is_suspect(source) else ():
        group = match.lastgroup or ""
        yield _Secret(_WHAT[group], match.start(group), match[group], _REVOKE)
    for match in _URL.finditer(source):
        if not _PLACEHOLDER.fullmatch(match["url"]):
            yield _Secret(_WHAT["url"], match.start("url"), match["url"], _OUT_OF_URL)


def _options(source: bytes) -> Iterator[_Secret]:
    """Secrets among the options of DVC remotes."""
    for match in re.finditer(_OPTION, source):
        sections = re.findall(_SECTION, source[: match.start()])
        remote = sections[-1].decode() if sections else "REMOTE"
        key = match["key"].decode()
        yield _Secret(
            f"`{key}` of a DVC remote", match.start("value"), match["value"].strip(b" \t\r\"'"),
            f"delete the line, revoke the secret; then: dvc remote modify --local {remote} {key} VALUE",
        )  # fmt: skip


def _hint(value: bytes) -> str:
    start = value[:_SHOWN].decode(errors="replace")
    clear = len(value) >= _LONG_ENOUGH and start.isascii() and start.isprintable()
    return f"{start}…" if clear else "…"


def _place(source: bytes, start: int) -> tuple[int, int]:
    line_start = source.rfind(b"\n", 0, start) + 1
    column = len(source[line_start:start].decode(errors="replace")) + 1
    return source.count(b"\n", 0, start) + 1, column


def no_secret(file: FileView) -> Iterator[Violation]:
    """No committed text may contain a secret: a private key, an access token, a password.

    Everyone who can read the registry can read it, and Git keeps it after it is deleted. Store credentials of DVC remotes
    in ``.dvc/config.local``, which is not committed, or in the environment.

    How to fix: revoke the secret where it was issued, then delete it; for a DVC remote set it again with
    ``dvc remote modify --local``.

    Example:
        ``secret_access_key = …`` in ``.dvc/config``.
    """
    if not file.is_regular:
        return
    source = _text(file)
    found: list[_Secret] = []
    if file.path in _CONFIGS:
        found.extend(_options(source))
    told = [range(secret.start, secret.start + len(secret.value) + 1) for secret in found]
    found.extend(s for s in _shapes(source) if not any(s.start in span for span in told))
    for secret in found[:_MOST]:
        yield Violation(
            f"the file contains {secret.what}",
            place=_place(source, secret.start),
            found=_hint(secret.value),
            expected="no secret",
            remedy=secret.remedy,
        )


RULES: tuple[Rule, ...] = (FileRule("F111", "no secret is committed", "refuse", no_secret),)
