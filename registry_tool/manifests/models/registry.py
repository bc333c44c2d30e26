"""``registry.yaml``, ``namespace.yaml`` and waivers, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from registry_tool.manifests.models.base import Manifest, Part

__all__ = [
    "Gate",
    "MetadataSchema",
    "NamespaceManifest",
    "RegistryManifest",
    "ScanPolicy",
    "Stage",
    "WaiverManifest",
]


class Gate(Part):
    """One condition; its first field is metric, evidence, approvals, artifacts or signed.

    Attributes:
        metric: The metric of the version that must satisfy the limit.
        min: The minimum value of the metric.
        max: The maximum value of the metric.
        not_worse_than: The metric must not be worse than that of the stage's current version.
        tolerance: How much worse the metric may be, as a fraction: 0.05 is five percent.
        better: Whether a higher or a lower value is better; by default derived from min, max or
            the metric's name.
        evidence: Evidence of this kind must exist.
        suite: The suite of the evaluation.
        tool: The scanner whose result is required: registry-tool, or the name of another one.
        verdict: The verdict of the evaluation or scan.
        approvals: The number of approvals that are required.
        not_: The person whose approval does not count.
        by: Who may approve: only signers, in commits signed with a key in allowed_signers.
        artifacts: Every artifact must be in its remote.
        signed: The object that must have a valid signature.
    """

    metric: str | None = None
    min: int | float | None = None
    max: int | float | None = None
    not_worse_than: Literal["current"] | None = None
    tolerance: int | float | None = None
    better: Literal["higher", "lower"] | None = None
    evidence: Literal["evaluation", "metrics", "scan", "signature", "note"] | None = None
    suite: str | None = None
    tool: str | None = None
    verdict: Literal["pass", "fail"] | None = None
    approvals: int | None = None
    not_: Literal["author"] | None = Field(default=None, alias="not")
    by: Literal["signers"] | None = None
    artifacts: Literal["available"] | None = None
    signed: Literal["commit"] | None = None


class Stage(Part):
    """An alias with gates.

    Attributes:
        description: A description of the stage.
        from_: The stage that must point to the version now.
        soak: How long the version must have been in that stage: minutes, hours, days or weeks.
        require: The gates; all must pass.
    """

    description: str | None = None
    from_: str | None = Field(default=None, alias="from")
    soak: str | None = None
    require: tuple[Gate, ...] = ()


class NamespaceManifest(Manifest):
    """namespace.yaml: the owners and the policy of a namespace.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        owners: The users and teams that approve changes.
        description: A description of the namespace.
        contact: A contact address.
        stages: Stages with tighter gates than the registry's.
    """

    schema_id: ClassVar[str] = "namespace/v1"

    schema_: Literal["namespace/v1"] = Field(alias="schema")
    owners: tuple[str, ...]
    description: str | None = None
    contact: str | None = None
    stages: dict[str, Stage] = Field(default_factory=dict)


class ScanPolicy(Part):
    """The reaction when a scan of new artifacts reports a finding.

    Attributes:
        dangerous: The content is harmful or breaks a reader: a pickle that runs a program, an
            archive member with a path outside the archive, a false header.
        unknown: Loading runs code that is not known to be harmless or harmful, such as a custom
            class.
        unread: The scan could not read it: encrypted, nested too deeply, or too long.
        unsafe: Loading this format runs code, as with pickles.
    """

    dangerous: Literal["refuse", "warn", "off"] = "refuse"
    unknown: Literal["refuse", "warn", "off"] = "warn"
    unread: Literal["refuse", "warn", "off"] = "warn"
    unsafe: Literal["refuse", "warn", "off"] = "warn"


class MetadataSchema(Part):
    """A team's JSON Schema for a free-form field.

    Attributes:
        schema_: A file of this repository under schemas/, ending in .json.
        applies_to: The kind of manifest that the schema applies to.
        field: The free-form field that the schema describes; a model has no parameters.
        namespace: Only in this namespace.
        task: Only for models of this task.
        framework: Only for versions of this framework.
    """

    schema_: str = Field(alias="schema")
    applies_to: Literal["models", "versions"]
    field: Literal["metadata", "parameters"]
    namespace: str | None = None
    task: str | None = None
    framework: (
        Literal[
            "transformers",
            "pytorch",
            "tensorflow",
            "keras",
            "sklearn",
            "xgboost",
            "lightgbm",
            "catboost",
            "onnx",
            "spacy",
            "fastai",
            "h2o",
            "statsmodels",
            "paddle",
            "gluon",
            "fasttext",
            "jax",
            "custom",
        ]
        | None
    ) = None


class RegistryManifest(Manifest):
    """registry.yaml: the name, settings and policy of this registry.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        name: The name of the registry: A-Z a-z 0-9, with - . _ inside.
        description: Its purpose.
        owners: The users and teams that administer the registry: policy, waivers, CI.
        version_scheme: The default version scheme of models.
        remote: The DVC remote that stores artifacts; by default the one that .dvc/config selects.
        stages: The stages of promotion.
        rules: The severity of individual rules.
        automerge: Kinds of change that CI may merge without a person after they pass; never
            policy, waivers, mixed changes or programs. `edit` covers descriptions, metadata and
            documents.
        scan: The reaction when a scan of new artifacts reports a finding.
        metadata_schemas: Team JSON Schemas for free-form fields.
        shard: The number of hexadecimal digits of the model's sha256 that name a folder above the
            model; cannot be changed later.
    """

    schema_id: ClassVar[str] = "registry/v1"

    schema_: Literal["registry/v1"] = Field(alias="schema")
    name: str
    description: str | None = None
    owners: tuple[str, ...] = ()
    version_scheme: Literal["integer", "semver", "calver", "free"] = "integer"
    remote: str | None = None
    stages: dict[str, Stage] = Field(default_factory=dict)
    rules: dict[str, Literal["refuse", "review", "warn", "off"]] = Field(default_factory=dict)
    automerge: tuple[
        Literal["model", "version", "alias", "tag", "status", "evidence", "edit"], ...
    ] = ()
    scan: ScanPolicy | None = None
    metadata_schemas: tuple[MetadataSchema, ...] = ()
    shard: int = 0


class WaiverManifest(Manifest):
    """waivers/<date>-<rule>-<slug>.yaml: suspends one rule for one subject until a date.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        rule: The rule.
        subject: The path or reference that the waiver applies to.
        reason: The reason.
        expires: The last day on which the waiver applies.
        approved_by: The person who approved the waiver.
    """

    schema_id: ClassVar[str] = "waiver/v1"

    schema_: Literal["waiver/v1"] = Field(alias="schema")
    rule: str
    subject: str
    reason: str
    expires: str
    approved_by: str
