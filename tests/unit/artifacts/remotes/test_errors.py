from __future__ import annotations

import errno

import pytest

from registry_tool.artifacts.remotes.errors import (
    ErrorTranslator,
    already_exists,
    is_absence,
    is_unsupported,
    upload_expired,
)
from registry_tool.errors import MissingObjectError, RemoteError, UsageError


def said_by(name: str, text: str = "no", **attributes: object) -> Exception:
    """An exception of a package that is not installed here."""
    error: Exception = type(name, (Exception,), {})(text)
    for key, value in attributes.items():
        setattr(error, key, value)
    return error


def s3(code: str, kind: type[Exception] = OSError) -> Exception:
    """An error of S3, as its driver translates it."""
    error = kind(code)
    error.__cause__ = said_by("ClientError", code, response={"Error": {"Code": code}})
    return error


def refusals(scheme: str = "s3") -> ErrorTranslator:
    return ErrorTranslator("storage", f"the remote storage ({scheme}://x)", scheme)


@pytest.mark.parametrize(
    ("scheme", "error", "words", "remedy"),
    [
        ("s3", said_by("NoCredentialsError"), "no credentials for it were found", "storage access_key_id ID"),
        ("s3", s3("SignatureDoesNotMatch"), "rejected the credentials", "AWS_SECRET_ACCESS_KEY"),
        ("s3", s3("403", PermissionError), "or they lack a permission", "secret_access_key SECRET"),
        ("s3", s3("ExpiredToken", PermissionError), "have expired", "access_key_id"),
        ("s3", s3("NoSuchBucket", FileNotFoundError), "does not exist", "storage url URL"),
        ("s3", said_by("EndpointConnectionError"), "cannot be reached", "storage endpointurl URL"),
        ("ssh", said_by("PermissionDenied"), "rejected the credentials", "keyfile PATH"),
        ("ssh", said_by("DisconnectError", "Too many authentication failures"), "rejected", "keyfile"),
        ("ssh", said_by("HostKeyNotVerifiable"), "host key", "ssh-keygen -R"),
        ("ssh", said_by("ConnectionLost"), "cannot be reached", "storage url URL"),
        ("ssh", said_by("SFTPNoConnection"), "cannot be reached", "storage url URL"),
        ("ssh", said_by("SFTPNoSpaceOnFilesystem"), "no space left", "upload resumes"),
        ("webdavs", said_by("HTTPError", status_code=401), "rejected the credentials", "password"),
        ("webdav", said_by("InsufficientStorage", status_code=507), "no space left", "free some"),
        ("http", said_by("ClientResponseError", status=405), "by this method", "storage method PUT"),
        ("https", said_by("SSLCertVerificationError"), "certificate", "ssl_verify FILE"),
        ("gs", said_by("DefaultCredentialsError"), "no credentials for it were found", "credentialpath PATH"),
        ("gs", said_by("HttpError", code=403), "rejected the credentials", "gcloud auth"),
        ("azure", said_by("ClientAuthenticationError"), "rejected", "account_name NAME"),
        ("azure", said_by("AuthError"), "no credentials for it were found", "AZURE_STORAGE_CONNECTION_STRING"),
        ("oss", said_by("PermissionDenied"), "rejected", "--local storage OPTION VALUE"),
        ("hdfs", OSError(errno.ENOSPC, "full"), "no space left", "run the same command again"),
    ],
)  # fmt: skip
def test_what_a_store_says_is_told_with_the_setting_that_mends_it(
    scheme: str, error: Exception, words: str, remedy: str
) -> None:
    found = refusals(scheme).trouble("cannot be queried", error)
    assert words in found.message
    assert remedy in found.remedy
    assert found.message.startswith(f"the remote storage ({scheme}://x) cannot be queried: ")


def test_an_exception_leaves_in_words_and_keeps_its_cause() -> None:
    error = ValueError("https://alice:hunter2@host/x?sig=abc was strange\nand more")
    with pytest.raises(RemoteError) as caught, refusals().translate("cannot be read"):
        raise error
    assert caught.value.__cause__ is error
    assert caught.value.message.endswith("cannot be read: https://host/x? was strange")


def test_ours_and_interruptions_pass() -> None:
    with pytest.raises(UsageError), refusals().translate("cannot be read"):
        raise UsageError("ours")
    with pytest.raises(KeyboardInterrupt), refusals().translate("cannot be read"):
        raise KeyboardInterrupt


def test_absence_is_told_from_trouble() -> None:
    asking = refusals().translate("cannot be read", missing="it is gone")
    with pytest.raises(MissingObjectError, match="is gone"), asking:
        raise s3("404", FileNotFoundError)
    with pytest.raises(RemoteError) as caught, asking:
        raise s3("NoSuchBucket", FileNotFoundError)
    assert not isinstance(caught.value, MissingObjectError)
    forbidden = FileNotFoundError("http://host/x")
    forbidden.__cause__ = said_by("ClientResponseError", status=403)
    assert not is_absence(forbidden)


def test_what_a_store_says_of_uploads() -> None:
    assert already_exists(s3("PreconditionFailed"))
    assert already_exists(FileExistsError())
    assert is_unsupported(s3("NotImplemented"))
    assert upload_expired(s3("NoSuchUpload", FileNotFoundError))
    assert not any(
        test(s3("SlowDown")) for test in (already_exists, is_unsupported, upload_expired)
    )


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    assert "one" in refusals().trouble("stopped sending", one).message
