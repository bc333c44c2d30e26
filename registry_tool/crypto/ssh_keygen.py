"""The program ``ssh-keygen``: it signs with a person's key, and verifies signatures by certificates.

The key can be in a file, in the agent or in hardware; ``ssh-keygen`` prompts for its passphrase or a touch on the terminal.
Its input is in a temporary folder, and names no path of the user.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from registry_tool.crypto.allowed_signers import is_timed, list_signer_names
from registry_tool.crypto.sshsig import NAMESPACE, parse
from registry_tool.errors import OperationalError, UsageError

__all__ = ["is_there", "principals", "sign"]

_PROGRAM: Final = "ssh-keygen"
_MOST: Final = 16
_CERTIFICATE: Final = "-cert-v01@openssh.com"


def is_there() -> bool:
    """True when the program is installed."""
    return shutil.which(_PROGRAM) is not None


def _program() -> str:
    found = shutil.which(_PROGRAM)
    if found is None:
        raise OperationalError(
            "ssh-keygen is not installed", remedy="install the OpenSSH client, 8.2 or newer"
        )
    return found


def _run(
    arguments: Sequence[str], *, stdin: bytes, env: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    command = [_program(), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, env=env, check=False)


def _trouble(words: bytes, key: str) -> UsageError:
    lines = [line for line in words.decode(errors="replace").splitlines() if line.strip()]
    said = lines[-1].strip() if lines else "it gave no reason"
    return UsageError(
        f"ssh-keygen cannot sign with {key}: {said}",
        remedy="use a private key, or the public key of a key in your agent: --key FILE",
    )


def sign(message: bytes, key: str) -> str:
    """The signature of a message, in its armour.

    Args:
        message: The bytes.
        key: The path of a private key, or of the public half of one that the agent has; or, as in Git's
            ``user.signingKey``, the public key itself behind ``key::``.

    Raises:
        UsageError: There is no such key, or it cannot be used.
        OperationalError: There is no ``ssh-keygen``.
    """
    with TemporaryDirectory(prefix="registry-sign-") as folder:
        place = Path(key).expanduser()
        if key.startswith("key::"):
            place = Path(folder) / "key.pub"
            place.write_text(key.removeprefix("key::") + "\n", encoding="utf-8")
        elif not place.is_file():
            raise UsageError(
                f"the key {key} does not exist",
                remedy="create one: ssh-keygen -t ed25519; then --key FILE",
            )
        record = Path(folder) / "record"
        record.write_bytes(message)
        # By file, so that standard input stays the terminal's: a passphrase may be asked for.
        done = subprocess.run(
            [_program(), "-Y", "sign", "-n", NAMESPACE, "-f", str(place.absolute()), str(record)],
            stdin=None if sys.stdin is not None and sys.stdin.isatty() else subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        made = record.with_name("record.sig")
        if done.returncode or not made.is_file():
            raise _trouble(done.stderr, "that key" if key.startswith("key::") else key)
        return made.read_text(encoding="ascii")


def _read_principals(files: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """The names that go with the key of a certificate."""
    found = _run(["-Y", "find-principals", *files], stdin=b"", env=env)
    names = [] if found.returncode else found.stdout.decode(errors="replace").splitlines()
    return [name for name in names if not name.startswith("!")]


def _candidates(
    armour: str, allowed: bytes, namespace: str, moment: dt.datetime | None
) -> list[str] | None:
    """The names to ask about; None for a certificate."""
    signature = parse(armour)
    if signature.key_type.endswith(_CERTIFICATE):
        return None
    when = moment or dt.datetime.now(dt.UTC)
    return list_signer_names(
        allowed, signature.key, namespace=namespace, moment=int(when.timestamp())
    )


def principals(
    armour: str,
    message: bytes,
    allowed: bytes,
    *,
    moment: dt.datetime | None = None,
    namespace: str = NAMESPACE,
) -> list[str]:
    """The names of the key that signed a message, as ``ssh-keygen`` verifies it; empty for an invalid or unknown one.

    Args:
        armour: The signature.
        message: The bytes it should be of.
        allowed: The content of ``allowed_signers``; who may sign has no ``namespaces``, or has the namespace in it.
        moment: When the signature was there: a key that is valid for some time only must be valid then. Now by default.
        namespace: What the signature was made for.

    Raises:
        OperationalError: There is no ``ssh-keygen``.
        NotASignatureError: It is none.
    """
    # Times without a zone in allowed_signers are UTC, so that every machine says the same.
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC0"}
    candidates = _candidates(armour, allowed, namespace, moment)
    if candidates == []:
        _program()
        return []
    with TemporaryDirectory(prefix="registry-verify-") as folder:
        signature, signers = Path(folder) / "signature", Path(folder) / "signers"
        signature.write_text(armour, encoding="utf-8")
        signers.write_bytes(allowed)
        files = ["-f", str(signers), "-s", str(signature)]
        if moment is not None and is_timed(allowed):
            files.append(f"-Overify-time={moment.astimezone(dt.UTC):%Y%m%d%H%M%S}")
        names = _read_principals(files, env) if candidates is None else candidates
        return [
            name
            for name in names[:_MOST]
            if not _run(
                ["-Y", "verify", "-n", namespace, "-I", name, *files], stdin=message, env=env
            ).returncode
        ]
