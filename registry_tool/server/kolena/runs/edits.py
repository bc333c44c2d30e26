"""What requests about test runs write: runs, the uploaded inferences of a model, and the uploaded metrics of a run.

All of them are objects of the registry that name Parquet files in the DVC remote by digest; no row is in Git. The name of the
file of each follows from what it is about, so two branches that create the same one write the same path, and a repeated request
writes what is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.objects import ObjectName, edit_object, find_object, put_object
from registry_tool.errors import InvalidManifestError, NotFoundError
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import Data, member, records, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.kolena.errors import NameConflictError
from registry_tool.server.kolena.lookup import API

__all__ = [
    "INFERENCES_KIND",
    "METRICS_KIND",
    "MOST_UPLOADS",
    "RUN_KIND",
    "InferenceUpload",
    "MetricsUpload",
    "NewRun",
    "UploadedFile",
    "add_inferences",
    "add_metrics",
    "add_run",
    "edit_run",
    "make_slug_from",
]

RUN_KIND: Final = "test-run"
"""The kind of object that a test run is."""
INFERENCES_KIND: Final = "inferences"
"""That of the uploaded inferences of a model."""
METRICS_KIND: Final = "metrics"
"""That of uploaded metrics of a run."""
MOST_UPLOADS: Final = 200
"""The maximum number of uploads that one object of inferences names."""
_LEVELS: Final = {
    "test-sample": "metrics of test samples",
    "thresholded": "thresholded metrics",
    "test-case": "metrics of test cases",
    "plots": "plots of test cases",
    "test-suite": "metrics of the test suite",
}
_DIGITS: Final = 40
_LONGEST: Final = 200


class UploadedFile(NamedTuple):
    """A Parquet file in the DVC remote.

    Attributes:
        md5: Its MD5, which is its name there.
        sha256: Its SHA-256.
        size: In bytes.
        rows: How many rows it has.
    """

    md5: str
    sha256: str
    size: int
    rows: int

    @classmethod
    def parse(cls, entry: Data) -> UploadedFile:
        """The file that data of an object describe."""
        return cls(
            text(entry, "md5"), text(entry, "sha256"), whole(entry, "size"), whole(entry, "rows")
        )

    def plain(self) -> dict[str, JSON]:
        """The file as data of an object."""
        return {"md5": self.md5, "sha256": self.sha256, "size": self.size, "rows": self.rows}


class NewRun(NamedTuple):
    """A test run that begins.

    Attributes:
        namespace: That of the model.
        model: The version that is tested, as ``namespace/model@version``.
        suite: The path of the version of the suite.
        evaluator: The name of the evaluator; empty for none.
        workflow: The workflow.
        title: What people see.
        created_by: Who began it.
        case_ids: The ids of the test cases of the suite, in their order, as rows of metrics name them.
    """

    namespace: str
    model: str
    suite: str
    evaluator: str
    workflow: str
    title: str
    created_by: str
    case_ids: Sequence[int]

    @property
    def slug(self) -> str:
        """The name of its file."""
        return make_slug_from(RUN_KIND, self.model, self.suite, self.evaluator)


class InferenceUpload(NamedTuple):
    """Inferences that were uploaded at once.

    Attributes:
        load: The id of the upload.
        run: The name of the run that they were uploaded for.
        reset: True where they replace earlier ones of the same samples.
        files: Where they are.
    """

    load: str
    run: str
    reset: bool
    files: Sequence[UploadedFile]

    def plain(self) -> dict[str, JSON]:
        """The upload as data of an object."""
        said: dict[str, JSON] = {"uuid": self.load, "run": self.run}
        if self.reset:
            said["reset"] = True
        return {**said, "files": [file.plain() for file in self.files]}


class MetricsUpload(NamedTuple):
    """Metrics that were uploaded at once.

    Attributes:
        run: The name of the file of the run.
        title: What people see of the run.
        namespace: That of the run.
        level: ``test-sample``, ``thresholded``, ``test-case``, ``plots`` or ``test-suite``.
        case: The path of the test case that they are about; empty where the rows say it, or for all.
        configuration: The configuration as ``write_configuration`` writes it; empty for none.
        load: The id of the upload.
        files: Where they are.
    """

    run: str
    title: str
    namespace: str
    level: str
    case: str
    configuration: Data
    load: str
    files: Sequence[UploadedFile]

    @property
    def slug(self) -> str:
        """The name of its file: a later upload about the same replaces it."""
        name = text(self.configuration, "display_name")
        return make_slug_from(METRICS_KIND, self.run, self.level, self.case, name)


def make_slug_from(*parts: str) -> str:
    """The name of the file of an object that follows from what it is about: 40 digits of a SHA-256."""
    found = hashlib.sha256()
    for part in parts:
        raw = part.encode(errors="surrogatepass")
        found.update(b"%d\0" % len(raw) + raw)
    return found.hexdigest()[:_DIGITS]


def shorten_title(title: str) -> str:
    """A title with at most 200 characters."""
    return title if len(title) <= _LONGEST else title[:_LONGEST].rstrip()


# --- runs


def add_run(run: NewRun, configurations: Sequence[Data]) -> Edit:
    """Begin a run. Where it has begun already, only its configurations become these.

    The edit raises InvalidManifestError where the file of the run cannot be read.
    """
    listed: list[JSON] = [dict(one) for one in configurations]
    data: dict[str, JSON] = {
        "namespace": run.namespace,
        "model": run.model,
        "suite": run.suite,
        "workflow": run.workflow,
        "created_by": run.created_by,
        "case_ids": [*run.case_ids],
    }
    if run.evaluator:
        data["evaluator"] = run.evaluator
    if listed:
        data["configurations"] = listed
    name, title = ObjectName(API, RUN_KIND, run.slug), shorten_title(run.title)

    def add(catalog: Catalog) -> ChangeSet:
        if find_object(catalog, name) is None:
            put = put_object(API, RUN_KIND, title, data, state="running", slug=run.slug)
            return replace(put(catalog), message=f"Add the test run {title}")
        before = dict(_read(catalog, name))
        if listed:
            before["configurations"] = listed
        change = edit_object(name, data=before)(catalog)
        return replace(change, message=f"Configure the test run {title}")

    return add


def _read(catalog: Catalog, name: ObjectName) -> Data:
    found = find_object(catalog, name)
    if found is None:
        raise NotFoundError(f"the object {name} does not exist")
    if found.data is None:
        problem = found.problems[0]
        raise InvalidManifestError(f"{found.path}:{problem.line}: {problem.message}")
    return member(found.data, "data")


def edit_run(
    run: ObjectRecord, what: str, *, state: str = "", changed: Mapping[str, JSON] | None = None
) -> Edit:
    """Give a run another state, or other values of its data.

    Args:
        run: The run.
        what: What is done, for the commit message; ``{}`` stands for the run.
        state: The new state; empty leaves it.
        changed: The new values; the others stay.
    """
    name = ObjectName(API, RUN_KIND, run.slug)
    message = what.replace("{}", f"the test run {run.shown}")

    def edit(catalog: Catalog) -> ChangeSet:
        data = None if changed is None else {**_read(catalog, name), **changed}
        change = edit_object(name, data=data, state=state or None)(catalog)
        return replace(change, message=message)

    return edit


# --- inferences


def name_inferences(model: str, number: int) -> ObjectName:
    """The object that names uploaded inferences of a model.

    Args:
        model: The model, as ``namespace/model@version``.
        number: Which of its objects, from 1.
    """
    return ObjectName(API, INFERENCES_KIND, make_slug_from(INFERENCES_KIND, model, str(number)))


def add_inferences(
    model: str, namespace: str, upload: InferenceUpload, *, known: Sequence[str]
) -> Edit:
    """Add uploaded inferences to a model.

    Args:
        model: The model, as ``namespace/model@version``.
        namespace: Its namespace.
        upload: The upload.
        known: The ids of the uploads that it was compared with, in order: whether a sample has an inference already is read
            from their files, which an edit does not do.

    The edit does nothing where the upload was added already. It raises NameConflictError where another upload came between.
    """
    message = f"Add {sum(file.rows for file in upload.files)} inferences of {model}"

    def add(catalog: Catalog) -> ChangeSet:
        uploads: list[str] = []
        number, last = 0, None
        while (data := _find_data(catalog, name_inferences(model, number + 1))) is not None:
            number, last = number + 1, data
            uploads += [text(one, "uuid") for one in records(data, "uploads")]
        if upload.load in uploads:
            return ChangeSet(f"{model} already has this upload of inferences")
        if uploads != [*known]:
            raise NameConflictError(
                f"other inferences of {model} were uploaded at the same time",
                remedy="upload them again",
            )
        before = [] if last is None else records(last, "uploads")
        if last is not None and len(before) < MOST_UPLOADS:
            changed = {**last, "uploads": [*map(dict, before), upload.plain()]}
            change = edit_object(name_inferences(model, number), data=changed)(catalog)
            return replace(change, message=message)
        name = name_inferences(model, number + 1)
        data = {"namespace": namespace, "model": model, "number": number + 1, "uploads": [upload.plain()]}  # fmt: skip
        title = shorten_title(f"inferences of {model}")
        put = put_object(API, INFERENCES_KIND, title, data, slug=name.slug)
        return replace(put(catalog), message=message)

    return add


def _find_data(catalog: Catalog, name: ObjectName) -> Data | None:
    return None if find_object(catalog, name) is None else _read(catalog, name)


# --- metrics


def add_metrics(upload: MetricsUpload) -> Edit:
    """Add uploaded metrics to a run, in place of earlier ones about the same."""
    data: dict[str, JSON] = {"namespace": upload.namespace, "level": upload.level}
    if upload.case:
        data["case"] = upload.case
    if upload.configuration:
        data["configuration"] = dict(upload.configuration)
    data |= {"files": [file.plain() for file in upload.files]}
    name = ObjectName(API, METRICS_KIND, upload.slug)
    title = shorten_title(f"{_LEVELS[upload.level]} of {upload.title}")
    parent = f"{RUN_KIND}/{upload.run}"

    def add(catalog: Catalog) -> ChangeSet:
        if find_object(catalog, name) is None:
            put = put_object(API, METRICS_KIND, title, data, parent=parent, slug=upload.slug)
            return replace(put(catalog), message=f"Add {title}")
        return replace(edit_object(name, data=data)(catalog), message=f"Replace {title}")

    return add
