"""``serve.yaml``, ``wire.yaml`` and objects, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from registry_tool.manifests.models.base import Manifest, Part

__all__ = [
    "ObjectManifest",
    "ServeManifest",
    "ServeManifestFetch",
    "ServeManifestMlflow",
    "ServeManifestMlflowStages",
    "ServeManifestNamespaces",
    "ServeManifestSeal",
    "WireManifest",
]


class ObjectManifest(Manifest):
    """objects/<api>/<kind>/<aa>/<slug>.yaml: an experiment, a run, a serving environment or another thing of a protocol that is neither a model nor a version.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        api: The protocol that it belongs to.
        kind: What it is.
        title: The name that people and other programs see.
        parent: The object of the same protocol that it belongs to: kind/slug.
        state: Its state in the words of the protocol; deleted: not listed.
        data: Everything else, as the protocol has it.
    """

    schema_id: ClassVar[str] = "object/v1"

    schema_: Literal["object/v1"] = Field(alias="schema")
    api: Literal["kubeflow", "mlflow", "truefoundry", "modelbox", "kolena", "mlsteam"]
    kind: str
    title: str
    parent: str | None = None
    state: str | None = None
    data: dict[str, JsonValue] = Field(default_factory=dict)


class ServeManifestSeal(Part):
    """When drafts are sealed without a request.

    Attributes:
        after: How long after its last change a draft with a model artifact is sealed. By default
            10m for drafts that clients of a protocol wrote; time never seals other drafts without
            it.
    """

    after: str | None = None


class ServeManifestNamespaces(Part):
    """For each protocol without namespaces, the namespace that it writes to and whose models have bare names in it.

    By default the namespace default.

    Attributes:
        kubeflow: That of Kubeflow Model Registry.
        mlflow: That of MLflow.
        truefoundry: That of TrueFoundry.
        modelbox: That of ModelBox.
        kolena: That of Kolena.
        mlsteam: That of MLSteam.
    """

    kubeflow: str | None = None
    mlflow: str | None = None
    truefoundry: str | None = None
    modelbox: str | None = None
    kolena: str | None = None
    mlsteam: str | None = None


class ServeManifestMlflowStages(Part):
    """The alias or stage for each of MLflow's stage names.

    Attributes:
        Staging: That of Staging.
        Production: That of Production.
        Archived: That of Archived.
    """

    Staging: str | None = None
    Production: str | None = None
    Archived: str | None = None


class ServeManifestMlflow(Part):
    """Settings of the MLflow protocol.

    Attributes:
        stages: The alias or stage for each of MLflow's stage names.
    """

    stages: ServeManifestMlflowStages | None = None


class ServeManifestFetch(Part):
    """The addresses to which the server connects for clients: receivers of webhooks, and files that it reads.

    Without it, webhooks go to every public host by https, and nothing is read.

    Attributes:
        schemes: The schemes, such as https.
        hosts: The hosts, which may then have private addresses; *. in front stands for all below
            one.
    """

    schemes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


class ServeManifest(Manifest):
    """serve.yaml: the policy of `registry serve`, read from the published state.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        write: Where the server writes: commit, to the published branch; branch, to a branch of the
            client; propose, that branch as a pull request. By default commit without a Git remote
            and propose with one.
        committer: The committer of the server's commits, as Git writes one.
        seal: When drafts are sealed without a request.
        namespaces: For each protocol without namespaces, the namespace that it writes to and whose
            models have bare names in it. By default the namespace default.
        mlflow: Settings of the MLflow protocol.
        fetch: The addresses to which the server connects for clients: receivers of webhooks, and
            files that it reads. Without it, webhooks go to every public host by https, and nothing
            is read.
    """

    schema_id: ClassVar[str] = "serve/v1"

    schema_: Literal["serve/v1"] = Field(alias="schema")
    write: Literal["commit", "branch", "propose"] | None = None
    committer: str = "registry server <registry@localhost>"
    seal: ServeManifestSeal | None = None
    namespaces: ServeManifestNamespaces | None = None
    mlflow: ServeManifestMlflow | None = None
    fetch: ServeManifestFetch | None = None


class WireManifest(Manifest):
    """wire.yaml: what clients of other protocols wrote about a model or a version and no other field can express.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        kubeflow: Data of Kubeflow Model Registry.
        mlflow: Data of MLflow.
        truefoundry: Data of TrueFoundry.
        modelbox: Data of ModelBox.
        kolena: Data of Kolena.
        mlsteam: Data of MLSteam.
    """

    schema_id: ClassVar[str] = "wire/v1"

    schema_: Literal["wire/v1"] = Field(alias="schema")
    kubeflow: dict[str, JsonValue] = Field(default_factory=dict)
    mlflow: dict[str, JsonValue] = Field(default_factory=dict)
    truefoundry: dict[str, JsonValue] = Field(default_factory=dict)
    modelbox: dict[str, JsonValue] = Field(default_factory=dict)
    kolena: dict[str, JsonValue] = Field(default_factory=dict)
    mlsteam: dict[str, JsonValue] = Field(default_factory=dict)
