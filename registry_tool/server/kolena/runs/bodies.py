"""The bodies of requests about test runs."""

from __future__ import annotations

import json
from typing import Annotated, Final

from pydantic import Field, StrictBool, StrictStr, field_validator
from pydantic.types import StringConstraints

from registry_tool.server.kolena.bodies import Id, LoadId, Name, RequestBody

__all__ = [
    "AggregateMetricsBody",
    "Configuration",
    "CreateRunBody",
    "ModelInferencesBody",
    "RemainingSamplesBody",
    "RunBody",
    "RunInferencesBody",
    "SampleMetricsBody",
    "StatusBody",
    "ThresholdedMetricsBody",
    "UploadInferencesBody",
]

_MOST: Final = 100
_LONGEST: Final = 16_384


class Configuration(RequestBody):
    """A configuration of an evaluator; what it configures is free data, NaN and Infinity included."""

    display_name: Name
    configuration: dict[StrictStr, object] = Field(default_factory=dict)

    @field_validator("configuration")
    @classmethod
    def _fits(cls, value: dict[str, object]) -> dict[str, object]:
        if len(json.dumps(value)) > _LONGEST:
            raise ValueError(f"more than {_LONGEST} characters of JSON")
        return value

    @property
    def written(self) -> str:
        """What it configures, as the client's JSON has it: with sorted keys."""
        return json.dumps(self.configuration, sort_keys=True, ensure_ascii=False)


class CreateRunBody(RequestBody):
    """``PUT generic/test-run/create-or-retrieve``."""

    model_id: Id
    test_suite_id: Id
    evaluator: Name | None = None
    configurations: Annotated[list[Configuration], Field(max_length=_MOST)] | None = None


class RunBody(RequestBody):
    """``PUT generic/test-run/evaluate``, ``POST generic/test-run/mark-crashed``."""

    test_run_id: Id


class RunInferencesBody(RunBody):
    """``PUT generic/test-run/load-test-sample-inferences``."""

    batch_size: Id


class RemainingSamplesBody(RunInferencesBody):
    """``PUT generic/test-run/load-remaining-test-samples``."""

    load_all: StrictBool = False


class ModelInferencesBody(RequestBody):
    """``PUT generic/model/load-inferences``."""

    model_id: Id
    test_case_id: Id
    batch_size: Id


class UploadInferencesBody(RunBody):
    """``PUT generic/test-run/upload-inferences``."""

    uuid: LoadId
    reset: StrictBool = False


class SampleMetricsBody(RunBody):
    """``PUT generic/test-run/upload-test-sample-metrics``."""

    uuid: LoadId
    test_case_id: Id | None = None
    configuration: Configuration | None = None


class ThresholdedMetricsBody(SampleMetricsBody):
    """``PUT generic/test-run/upload-test-sample-thresholded-metrics``."""

    model_id: Id


class AggregateMetricsBody(RunBody):
    """``PUT generic/test-run/upload-test-case-metrics``, ``-plots`` and ``upload-test-suite-metrics``."""

    uuid: LoadId
    test_suite_id: Id


class StatusBody(RunBody):
    """``PUT generic/test-run/update-metrics-status``."""

    progress: Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]
    message: Annotated[StrictStr, StringConstraints(max_length=_LONGEST)] = ""
