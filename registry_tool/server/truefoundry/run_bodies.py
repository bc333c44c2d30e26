"""The bodies of requests about runs. The SDK sends whole numbers as ``3.0``."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, StrictStr, StringConstraints

from registry_tool.manifests.problems import JSON
from registry_tool.server.truefoundry.bodies import RequestBody

__all__ = [
    "BatchBody",
    "CreateRunBody",
    "HistoriesBody",
    "KeyBody",
    "MetricBody",
    "PairBody",
    "SearchRunsBody",
    "UpdateRunBody",
]

_LARGEST: Final = (1 << 53) - 1
_MOST: Final = 1000


def _as_whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_as_whole), Field(ge=0, le=_LARGEST, strict=True)]
Key = Annotated[StrictStr, StringConstraints(min_length=1, max_length=250, pattern=r"^[/\w.\- ]+$")]
Value = Annotated[StrictStr, StringConstraints(max_length=5000)]
RunName = Annotated[StrictStr, StringConstraints(max_length=128)]


class KeyBody(RequestBody):
    """A key."""

    key: Key


class PairBody(KeyBody):
    """A parameter or a tag."""

    value: Value


class MetricBody(KeyBody):
    """One measured value."""

    value: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None
    timestamp: Whole | None = None
    step: Whole = 0

    def plain(self, now: int) -> dict[str, JSON]:
        """The metric as data; without a time it is measured now."""
        timestamp = now if self.timestamp is None else self.timestamp
        return {"key": self.key, "value": self.value, "timestamp": timestamp, "step": self.step}


class BatchBody(RequestBody):
    """``POST runs/{id}/batch``."""

    metrics: list[MetricBody] = Field(default_factory=list, max_length=_MOST)
    params: list[PairBody] = Field(default_factory=list, max_length=_MOST)
    tags: list[PairBody] = Field(default_factory=list, max_length=_MOST)


class CreateRunBody(RequestBody):
    """``POST runs``."""

    experiment_id: StrictStr
    name: RunName | None = None
    start_time: Whole | None = None
    tags: list[PairBody] = Field(default_factory=list, max_length=_MOST)
    description: Annotated[StrictStr, StringConstraints(max_length=512)] | None = None


class UpdateRunBody(RequestBody):
    """``PUT runs/{id}``."""

    status: StrictStr | None = None
    end_time: Whole | None = None
    description: Annotated[StrictStr, StringConstraints(max_length=512)] | None = None


class SearchRunsBody(RequestBody):
    """``POST runs/search``."""

    experiment_ids: Annotated[list[StrictStr], Field(max_length=_MOST)] | None = None
    experiment_id: StrictStr | None = None
    ml_repo_name: StrictStr | None = None
    name: StrictStr | None = None
    fqn: StrictStr | None = None
    filter: StrictStr | None = None
    order_by: Annotated[list[StrictStr], Field(max_length=_MOST)] | None = None
    run_view_type: StrictStr | None = None
    max_results: Whole | None = None
    offset: Whole | None = None
    page_token: StrictStr | None = None


class HistoriesBody(RequestBody):
    """``POST runs/{id}/metrics/list``."""

    metric_keys: Annotated[list[StrictStr], Field(max_length=_MOST)] | None = None
    step: Whole | None = None
