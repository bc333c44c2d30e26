"""Keys of elliptic curves, and the command line of the package model-signing, for tests of what both sides sign."""

from __future__ import annotations

import importlib.util
import io
import runpy
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from support import without

__all__ = ["PemKey", "model_signing", "need_model_signing"]


class PemKey:
    """A new key in two files: ``private``, and ``public`` beside it."""

    def __init__(
        self,
        folder: Path,
        name: str = "key",
        *,
        curve: ec.EllipticCurve | None = None,
        passphrase: bytes | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.private, self.public = folder / f"{name}.pem", folder / f"{name}.pub"
        key = ec.generate_private_key(curve or ec.SECP256R1())
        closed = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        self.private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closed))
        public = key.public_key()
        self.public.write_bytes(
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )


def need_model_signing() -> None:
    """Skip the test where the package is missing."""
    if importlib.util.find_spec("model_signing") is None:
        without('model-signing is missing: pip install "registry-tool[model-signing]"')


def model_signing(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the package's own command line, as ``python -m`` does; in this process, for its imports take a second."""
    command = ["model_signing", *map(str, arguments)]
    out, err, argv, code = io.StringIO(), io.StringIO(), sys.argv, 0
    sys.argv = command
    try:
        with redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("default")
            runpy.run_module("model_signing", run_name="__main__")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        sys.argv = argv
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())
