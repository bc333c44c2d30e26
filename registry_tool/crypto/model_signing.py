"""OpenSSF Model Signing: bundles as data, and the package ``model_signing`` that makes and verifies them.

A bundle is a Sigstore bundle around a DSSE envelope around an in-toto statement, each of them JSON; see
https://github.com/sigstore/model-transparency. Only bundles by elliptic-curve keys are supported, which need no server. The package has no
function that reads a bundle, so ``parse`` does (docs/decisions/0046): it says which key a bundle names, which files it covers and how they
were hashed, and verifies nothing. Symbolic links are not followed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, NoReturn, Protocol, cast

from registry_tool.crypto.pem import PublicKey, not_by_key
from registry_tool.errors import OperationalError, UsageError
from registry_tool.installation import install_command

__all__ = ["LIMIT", "Bundle", "NotABundleError", "check_package", "parse", "sign", "trouble"]

# About 200 bytes for each file that it is of.
LIMIT: Final = 64 << 20
_FORM: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://model_signing/signature/v1.0"
# Under the names that statements have for them.
_HASHES: Final = ("sha256", "blake2b", "blake3")
# Each shard is a task of its own when bytes are compared.
_SMALLEST_SHARD: Final = 1 << 20

_Object = Mapping[str, object]


class NotABundleError(ValueError):
    """The text is no bundle by a key; the message says where it stops being one."""


def _no(where: str) -> NoReturn:
    raise NotABundleError(where)


class Bundle(NamedTuple):
    """One bundle.

    Attributes:
        hint: The SHA-256 of the public key it names, in hex; empty where it names none.
        payload: The statement, in the bytes that are signed.
        signature: The signature, in base64.
        subject: What the signer called the file or folder; a hint for people.
        digests: The digest of each part in hex, by name: a file's path in its folder, ``.`` for a file by itself; of a
            shard, its place in the file stands behind the path.
        hash_type: ``sha256``, ``blake2b`` or ``blake3``.
        shard_size: In bytes; None where each file is one part.
    """

    hint: str
    payload: bytes
    signature: str
    subject: str
    digests: Mapping[str, str]
    hash_type: str
    shard_size: int | None

    @property
    def files(self) -> frozenset[str]:
        """The paths of the files that it is of."""
        if self.shard_size is None:
            return frozenset(self.digests)
        return frozenset(name.rsplit(":", 2)[0] for name in self.digests)

    def render_for(self, hint: str) -> str:
        """The bundle with what was read here and nothing else, for a key.

        Args:
            hint: The SHA-256 of the public key, in hex; older signers left it out.
        """
        envelope = {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": _PAYLOAD,
            "signatures": [{"sig": self.signature, "keyid": ""}],
        }
        material = {"publicKey": {"hint": hint}, "tlogEntries": []}
        return json.dumps(
            {"mediaType": _FORM, "verificationMaterial": material, "dsseEnvelope": envelope}
        )


def _object(value: object, name: str) -> _Object:
    return value if isinstance(value, dict) else _no(f"its {name} is not an object")


def _text(value: object, name: str) -> str:
    return value if isinstance(value, str) else _no(f"its {name} is not text")


def _list(value: object, name: str) -> list[object]:
    return value if isinstance(value, list) else _no(f"its {name} is not a list")


def _json(text: str | bytes, name: str) -> _Object:
    try:
        return _object(json.loads(text), name)
    except (ValueError, RecursionError) as exc:
        if isinstance(exc, NotABundleError):
            raise
        raise NotABundleError(f"its {name} is not JSON") from exc


def _same(found: object, wanted: str, name: str) -> None:
    if found != wanted:
        _no(f"its {name} is {str(found)[:80]!a}, not {wanted!a}")


def _decode_base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise NotABundleError(f"its {name} is not base64") from exc


def _digests(predicate: _Object, hash_type: str, size: int | None) -> dict[str, str]:
    algorithm = hash_type if size is None else f"{hash_type}-sharded-{size}"
    found: dict[str, str] = {}
    for item in _list(predicate.get("resources"), "list of resources"):
        one = _object(item, "resource")
        _same(one.get("algorithm"), algorithm, "algorithm of a resource")
        name = _text(one.get("name"), "name of a resource")
        if name in found:
            _no(f"it names {name[:80]!a} twice")
        found[name] = _text(one.get("digest"), "digest of a resource")
    return found


def _shard_size(serialization: _Object) -> int | None:
    method = serialization.get("method")
    if method == "files":
        return None
    _same(method, "shards", "method")
    size = serialization.get("shard_size")
    # Statements have no whole numbers: it is written 1048576.0.
    if not isinstance(size, (int, float)) or not _SMALLEST_SHARD <= size < 1 << 53:
        _no(f"its shards are smaller than {_SMALLEST_SHARD} bytes")
    return int(size)


def _hint(whole: _Object) -> str:
    material = _object(whole.get("verificationMaterial"), "verificationMaterial")
    if "publicKey" not in material:
        _no("it names no public key: it was made with a certificate or an identity")
    hint = _object(material["publicKey"], "publicKey").get("hint")
    return "" if hint is None else _text(hint, "hint")


def _envelope(whole: _Object) -> tuple[bytes, str]:
    """The statement and its signature."""
    envelope = _object(whole.get("dsseEnvelope"), "dsseEnvelope")
    _same(envelope.get("payloadType"), _PAYLOAD, "payloadType")
    signatures = _list(envelope.get("signatures"), "list of signatures")
    if len(signatures) != 1:
        _no(f"it has {len(signatures)} signatures, not one")
    signature = _text(_object(signatures[0], "signature").get("sig"), "sig")
    _decode_base64(signature, "sig")
    return _decode_base64(_text(envelope.get("payload"), "payload"), "payload"), signature


def parse(text: str) -> Bundle:
    """Read a bundle.

    Raises:
        NotABundleError: It is none by a key, is larger than ``LIMIT``, or is of a release before 1.0.
    """
    if len(text) > LIMIT:
        _no(f"it is larger than {LIMIT} characters")
    whole = _json(text, "text")
    _same(whole.get("mediaType"), _FORM, "mediaType")
    payload, signature = _envelope(whole)
    statement = _json(payload, "payload")
    _same(statement.get("_type"), _STATEMENT, "statement")
    _same(statement.get("predicateType"), _PREDICATE, "predicateType")
    predicate = _object(statement.get("predicate"), "predicate")
    serialization = _object(predicate.get("serialization"), "serialization")
    hash_type = _text(serialization.get("hash_type"), "hash_type")
    if hash_type not in _HASHES:
        _no(f"its hash_type is {hash_type[:80]!a}, not one of {', '.join(_HASHES)}")
    subjects = _list(statement.get("subject"), "list of subjects")
    if len(subjects) != 1:
        _no(f"it has {len(subjects)} subjects, not one")
    subject = _text(_object(subjects[0], "subject").get("name"), "name of the subject")
    size = _shard_size(serialization)
    digests = _digests(predicate, hash_type, size)
    return Bundle(_hint(whole), payload, signature, subject, digests, hash_type, size)


_SHOWN: Final = 300


class _Hashing(Protocol):
    """How files are hashed."""

    def use_file_serialization(self, *, hashing_algorithm: str) -> _Hashing: ...

    def use_shard_serialization(self, *, hashing_algorithm: str, shard_size: int) -> _Hashing: ...

    def set_ignored_paths(self, *, paths: Iterable[Path], ignore_git_paths: bool) -> _Hashing: ...

    def hash(self, model_path: Path, *, files_to_hash: Iterable[Path] | None) -> object: ...


class _EveryFile:
    """Hashes every file of a folder, whatever a bundle leaves out.

    The package skips the paths that the signer wrote into the bundle as ``ignore_paths``, also where its caller configures
    how files are hashed: the content of such a file could be anything.
    """

    def __init__(self, config: _Hashing) -> None:
        self._config = config

    def add_ignored_paths(self, *, model_path: Path, paths: Iterable[str]) -> None:
        """Called with the paths that the bundle leaves out."""

    def hash(self, model_path: Path, *, files_to_hash: Iterable[Path] | None = None) -> object:
        """The package's manifest of the folder."""
        return self._config.hash(model_path, files_to_hash=files_to_hash)


class _Signing(Protocol):
    def use_elliptic_key_signer(self, *, private_key: Path, password: bytes | None) -> _Signing: ...

    def set_hashing_config(self, hashing_config: _Hashing, /) -> _Signing: ...

    def sign(self, model_path: Path, signature_path: Path, /) -> None: ...


class _Verifying(Protocol):
    def use_elliptic_key_verifier(self, *, public_key: Path) -> _Verifying: ...

    def set_hashing_config(self, hashing_config: _EveryFile, /) -> _Verifying: ...

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
        raise OperationalError(
            f"signatures of files and folders need the package model-signing ({exc})",
            remedy=install_command("model-signing"),
        ) from exc


def check_package() -> None:
    """See that the package is here, before bytes are fetched.

    Raises:
        OperationalError: It is not installed.
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
        OperationalError: A file cannot be read; or the package is not installed.
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
            raise UsageError(f"model-signing cannot sign {place}: {str(exc)[:_SHOWN]}") from exc
        except OSError as exc:
            raise OperationalError(f"{place} cannot be read: {exc.strerror}") from exc
        return made.read_text(encoding="utf-8")


def _hash_like(package: _Package, bundle: Bundle) -> _EveryFile:
    """Hashes as the bundle's signer did, and leaves out nothing."""
    config = package.hashing.Config()
    # Its own reading of a bundle does not know the name that its bundles have for this one.
    algorithm = bundle.hash_type.replace("blake2b", "blake2")
    if bundle.shard_size is None:
        config.use_file_serialization(hashing_algorithm=algorithm)
    else:
        config.use_shard_serialization(hashing_algorithm=algorithm, shard_size=bundle.shard_size)
    return _EveryFile(config.set_ignored_paths(paths=[], ignore_git_paths=False))


def _refusals() -> tuple[type[Exception], ...]:
    """What is raised for a bundle that does not hold: the package lets through what its parsers raise."""
    parsers = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
    return *parsers, *not_by_key()


def trouble(bundle: Bundle, place: Path, key: PublicKey) -> str:
    """Why a bundle is none of a file or folder by a key; empty where it is. It must cover every file.

    Args:
        bundle: The bundle.
        place: The file or folder, whose bytes are read.
        key: The key that must have made it.

    Raises:
        OperationalError: A file cannot be read; or the package is not installed.
    """
    package = _package()
    with TemporaryDirectory(prefix="registry-verify-") as folder:
        written, public = Path(folder) / "bundle", Path(folder) / "public"
        written.write_text(bundle.render_for(key.digest), encoding="utf-8")
        public.write_bytes(key.pem)
        verifier = package.verifying.Config().use_elliptic_key_verifier(public_key=public)
        try:
            verifier.set_hashing_config(_hash_like(package, bundle)).verify(place, written)
        except OSError as exc:
            raise OperationalError(f"{place} cannot be read: {exc.strerror}") from exc
        except _refusals() as exc:
            # A signature that is wrong is told by the exception's name alone.
            return f"model-signing reports: {str(exc)[:_SHOWN] or type(exc).__name__}"
    return ""
