"""The package ``model_signing``: it makes bundles of files and folders, and says whether one holds.

Only its way with keys of elliptic curves is used, which asks no server. Its symbolic links stay unfollowed, and it
reads a bundle only as far as ``bundle`` has read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol, cast

from registry_tool.errors import EnvironmentTrouble, UsageError
from registry_tool.signing.bundle import Bundle
from registry_tool.signing.pem import PublicKey, not_by_key

__all__ = ["check_package", "sign", "trouble"]

_SHOWN: Final = 300


class _Hashing(Protocol):
    """How files are hashed."""

    def use_file_serialization(self, *, hashing_algorithm: str) -> _Hashing: ...

    def use_shard_serialization(self, *, hashing_algorithm: str, shard_size: int) -> _Hashing: ...

    def set_ignored_paths(self, *, paths: Iterable[Path], ignore_git_paths: bool) -> _Hashing: ...


class _Signing(Protocol):
    def use_elliptic_key_signer(self, *, private_key: Path, password: bytes | None) -> _Signing: ...

    def set_hashing_config(self, hashing_config: _Hashing, /) -> _Signing: ...

    def sign(self, model_path: Path, signature_path: Path, /) -> None: ...


class _Verifying(Protocol):
    def use_elliptic_key_verifier(self, *, public_key: Path) -> _Verifying: ...

    def set_hashing_config(self, hashing_config: _Hashing, /) -> _Verifying: ...

    def verify(self, model_path: Path, signature_path: Path, /) -> None: ...


class _HashingModule(Protocol):
    def Config(self) -> _Hashing: ...  # noqa: N802 (its name)


class _SigningModule(Protocol):
    def Config(self) -> _Signing: ...  # noqa: N802 (its name)


class _VerifyingModule(Protocol):
    def Config(self) -> _Verifying: ...  # noqa: N802 (its name)


class _Package(Protocol):
    """What is used of the package; few of its own types are written down."""

    hashing: _HashingModule
    signing: _SigningModule
    verifying: _VerifyingModule


def _package() -> _Package:
    try:
        return cast("_Package", import_module("model_signing"))
    except ImportError as exc:
        raise EnvironmentTrouble(
            f"signatures of files and folders need the package model-signing ({exc})",
            remedy='pip install "registry-tool[model-signing]"',
        ) from exc


def check_package() -> None:
    """See that the package is here, before bytes are fetched.

    Raises:
        EnvironmentTrouble: It is not installed.
    """
    _package()


def sign(place: Path, key: Path, passphrase: bytes | None) -> str:
    """The bundle of a file or folder; every file of it is read.

    Args:
        place: The file or folder.
        key: A private key that ``pem.public_half`` reads.
        passphrase: What opens the key; None for one that lies open.

    Raises:
        UsageError: The folder has a link or a special file in it.
        EnvironmentTrouble: A file cannot be read; or the package is not installed.
    """
    package = _package()
    # What it leaves out by itself, .gitattributes and the like, is of the artifact as anything else.
    every_file = package.hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
    # It says the password were text and hands it on to where it must be bytes.
    signer = package.signing.Config().use_elliptic_key_signer(private_key=key, password=passphrase)
    with TemporaryDirectory(prefix="registry-sign-") as folder:
        made = Path(folder) / "bundle"
        try:
            signer.set_hashing_config(every_file).sign(place, made)
        except ValueError as exc:
            raise UsageError(f"model-signing does not sign {place}: {str(exc)[:_SHOWN]}") from exc
        except OSError as exc:
            raise EnvironmentTrouble(f"{place} cannot be read: {exc.strerror}") from exc
        return made.read_text(encoding="utf-8")


def _hashed_as(package: _Package, bundle: Bundle) -> _Hashing:
    """As the bundle's signer hashed, with nothing left out that the bundle does not say."""
    config = package.hashing.Config()
    # Its own reading of a bundle does not know the name that its bundles have for this one.
    algorithm = bundle.hash_type.replace("blake2b", "blake2")
    if bundle.shard_size is None:
        config.use_file_serialization(hashing_algorithm=algorithm)
    else:
        config.use_shard_serialization(hashing_algorithm=algorithm, shard_size=bundle.shard_size)
    return config.set_ignored_paths(paths=[], ignore_git_paths=False)


def _refusals() -> tuple[type[Exception], ...]:
    """What is raised for a bundle that does not hold: the package lets through what its parsers raise."""
    parsers = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
    return *parsers, *not_by_key()


def trouble(bundle: Bundle, place: Path, key: PublicKey) -> str:
    """Why a bundle is none of a file or folder by a key; empty where it is. Files that it leaves out are not seen.

    Args:
        bundle: The bundle.
        place: The file or folder, whose bytes are read.
        key: The key that must have made it.

    Raises:
        EnvironmentTrouble: A file cannot be read; or the package is not installed.
    """
    package = _package()
    with TemporaryDirectory(prefix="registry-verify-") as folder:
        written, public = Path(folder) / "bundle", Path(folder) / "public"
        written.write_text(bundle.rendered(key.digest), encoding="utf-8")
        public.write_bytes(key.pem)
        verifier = package.verifying.Config().use_elliptic_key_verifier(public_key=public)
        try:
            verifier.set_hashing_config(_hashed_as(package, bundle)).verify(place, written)
        except OSError as exc:
            raise EnvironmentTrouble(f"{place} cannot be read: {exc.strerror}") from exc
        except _refusals() as exc:
            # A signature that is wrong is told by the exception's name alone.
            return f"model-signing says: {str(exc)[:_SHOWN] or type(exc).__name__}"
    return ""
