"""The package model-signing: what it makes, what it says, and that its own command line agrees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import write_files
from support.model_signers import PemKey, model_signing, need_model_signing

from registry_tool.crypto import model_signing as bundles
from registry_tool.crypto.model_signing import parse
from registry_tool.crypto.pem import read_public
from registry_tool.errors import OperationalError, UsageError

FILES: dict[str, str | bytes] = {
    "config.json": "{}",
    "sub/weights.bin": b"\x00\xff" * 99,
    "sub/nothing": "",
}


@pytest.fixture(autouse=True)
def _needed() -> None:
    need_model_signing()


@pytest.fixture
def key(tmp_path: Path) -> PemKey:
    return PemKey(tmp_path / "keys")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path / "model", FILES)
    return tmp_path / "model"


def test_a_folder(folder: Path, key: PemKey) -> None:
    bundle = parse(bundles.sign(folder, key.private, None))
    public = read_public(key.public)
    assert (bundle.files, bundle.subject) == (frozenset(FILES), "model")
    assert bundle.hint == public.digest
    assert bundles.trouble(bundle, folder, public) == ""
    (folder / "config.json").write_text("[]")
    assert "Hash mismatch for 'config.json'" in bundles.trouble(bundle, folder, public)


def test_a_file(folder: Path, key: PemKey) -> None:
    place = folder / "config.json"
    bundle = parse(bundles.sign(place, key.private, None))
    assert bundle.files == frozenset({"."})
    assert bundles.trouble(bundle, place, read_public(key.public)) == ""


def test_another_key(folder: Path, key: PemKey, tmp_path: Path) -> None:
    """Also one that the bundle does not name: what it names is not signed."""
    bundle = parse(bundles.sign(folder, key.private, None))
    other = read_public(PemKey(tmp_path, "other").public)
    assert bundles.trouble(bundle, folder, other) == "model-signing reports: InvalidSignature"


def test_a_flipped_bit_of_the_statement(folder: Path, key: PemKey) -> None:
    bundle = parse(bundles.sign(folder, key.private, None))
    wrong = bundle._replace(payload=bundle.payload.replace(b"config", b"Config"))
    assert bundles.trouble(wrong, folder, read_public(key.public)).endswith("InvalidSignature")


def test_older_bundles_name_no_key(
    folder: Path, key: PemKey, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.loads(bundles.sign(folder, key.private, None))
    del text["verificationMaterial"]["publicKey"]["hint"]
    bundle = parse(json.dumps(text))
    assert bundle.hint == ""
    assert bundles.trouble(bundle, folder, read_public(key.public)) == ""
    assert capsys.readouterr() == ("", "")


def test_a_key_behind_a_passphrase(folder: Path, tmp_path: Path) -> None:
    key = PemKey(tmp_path / "keys", "closed", passphrase=b"open")
    bundle = parse(bundles.sign(folder, key.private, b"open"))
    assert bundles.trouble(bundle, folder, read_public(key.public)) == ""


def test_links_are_not_followed(folder: Path, key: PemKey, tmp_path: Path) -> None:
    bundle = parse(bundles.sign(folder, key.private, None))
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(UsageError, match="symlink"):
        bundles.sign(folder, key.private, None)
    assert "symlink" in bundles.trouble(bundle, folder, read_public(key.public))


def test_its_own_command_verifies_ours(folder: Path, key: PemKey, tmp_path: Path) -> None:
    signature = tmp_path / "model.sig"
    signature.write_text(bundles.sign(folder, key.private, None))
    words = ("verify", "key", folder, "--signature", signature, "--public_key", key.public)
    ran = model_signing(*words)
    assert (ran.returncode, ran.stdout) == (0, "Verification succeeded\n"), ran.stderr
    (folder / "more").write_text("more")
    assert model_signing(*words).returncode == 1


def test_ours_verifies_what_its_own_command_made(folder: Path, key: PemKey, tmp_path: Path) -> None:
    signature = tmp_path / "model.sig"
    ran = model_signing(
        "sign", "key", folder, "--private_key", key.private, "--signature", signature
    )
    assert ran.returncode == 0, ran.stderr
    bundle = parse(signature.read_text())
    assert bundles.trouble(bundle, folder, read_public(key.public)) == ""
    (folder / "more").write_text("more")
    assert "Extra files found" in bundles.trouble(bundle, folder, read_public(key.public))


def sign_with(config: object, folder: Path, key: PemKey) -> Path:
    """The file with a bundle that the package makes with its own settings for hashing."""
    import model_signing

    made = folder.parent / "model.sig"
    signing = model_signing.signing.Config()  # type: ignore[no-untyped-call]  # theirs
    signing.use_elliptic_key_signer(private_key=key.private).set_hashing_config(config)  # type: ignore[arg-type]  # theirs
    signing.sign(folder, made)
    return made


def verify_with_package(folder: Path, signature: Path, key: PemKey, hashing: object = None) -> None:
    """The package's own verification, without our reading of the bundle."""
    import model_signing

    verifying = model_signing.verifying.Config()  # type: ignore[no-untyped-call]  # theirs
    verifying.use_elliptic_key_verifier(public_key=key.public)
    if hashing is not None:
        verifying.set_hashing_config(hashing)  # type: ignore[arg-type]  # theirs
    verifying.verify(folder, signature)


def hashing_config(hashed: str) -> object:
    import model_signing

    config = model_signing.hashing.Config()  # type: ignore[no-untyped-call]  # theirs
    if hashed == "shards":
        return config.use_shard_serialization(shard_size=1 << 20)
    return config.use_file_serialization(hashing_algorithm=hashed)  # type: ignore[arg-type]  # a literal there


@pytest.mark.parametrize("hashed", ["sha256", "blake2", "blake3", "shards"])
def test_every_way_of_hashing(folder: Path, key: PemKey, hashed: str) -> None:
    bundle = parse(sign_with(hashing_config(hashed), folder, key).read_text())
    public = read_public(key.public)
    assert bundles.trouble(bundle, folder, public) == ""
    (folder / "sub/weights.bin").write_bytes(b"\x00\xfe" * 99)
    assert "weights.bin" in bundles.trouble(bundle, folder, public)


def test_a_bundle_must_cover_every_file(folder: Path, key: PemKey) -> None:
    """The package accepts any content of a path that the signer left out, however it is configured (1.1.1)."""
    import model_signing

    config = model_signing.hashing.Config()  # type: ignore[no-untyped-call]  # theirs
    config.use_file_serialization(ignore_paths=[Path("config.json")])
    signature = sign_with(config.set_ignored_paths(paths=["config.json"]), folder, key)
    (folder / "config.json").write_text("[]")
    every_file = model_signing.hashing.Config()  # type: ignore[no-untyped-call]  # theirs
    every_file.set_ignored_paths(paths=[], ignore_git_paths=False)
    for hashing in (None, every_file):
        verify_with_package(folder, signature, key, hashing)
    bundle, public = parse(signature.read_text()), read_public(key.public)
    assert "Extra files found in model 'model': config.json" in bundles.trouble(
        bundle, folder, public
    )
    (folder / "config.json").unlink()
    assert bundles.trouble(bundle, folder, public) == ""


@pytest.mark.parametrize(("hashed", "raises"), [("blake2", ValueError), ("shards", TypeError)])
def test_the_package_alone_does_not_find_how_its_bundles_were_hashed(
    folder: Path, key: PemKey, hashed: str, raises: type[Exception]
) -> None:
    """Why `parse` stays: decision 46. If this fails, a release reads them, and `_hash_like` can go."""
    signature = sign_with(hashing_config(hashed), folder, key)
    with pytest.raises(raises, match=r"blake2b|'float' object"):
        verify_with_package(folder, signature, key)


def test_the_package_verifies_bundles_and_does_not_read_them() -> None:
    """Why `parse` stays: decision 46. Nothing public says which key or which files a bundle names."""
    import model_signing

    public = {name for name in vars(model_signing.verifying.Config) if not name.startswith("_")}
    assert {name for name in public if not name.startswith(("use_", "set_"))} == {"verify"}


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "model_signing", None)
    with pytest.raises(OperationalError, match="need the package model-signing") as caught:
        bundles.check_package()
    assert caught.value.remedy == 'pip install "registry-tool[model-signing]"'
