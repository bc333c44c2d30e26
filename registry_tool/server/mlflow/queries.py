"""The queries of MLflow's reads. Nearly all are plain text; what is not is left to the check of bodies, which words its errors.

A server that only answers reads imports no model of a body, and a read is not validated against one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.server.mlflow.errors import MlflowError, require

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["SearchQuery", "read_parameter", "read_search", "require_parameter"]

_LONGEST_NUMBER: Final = 18
_NULL: Final = "The request contains a null character. See the API docs for more information about request parameters."


class SearchQuery(NamedTuple):
    """A search.

    Attributes:
        filter: MLflow's filter; empty for none.
        max_results: The size of the page; None for the usual one.
        order_by: Clauses.
        page_token: That of the page; empty for the first.
    """

    filter: str = ""
    max_results: int | None = None
    order_by: tuple[str, ...] = ()
    page_token: str = ""


def read_parameter(request: Request, name: str) -> str:
    """A parameter of the query; empty where it is absent. Of several the last counts.

    Raises:
        MlflowError: It contains a null character.
    """
    found = request.query_params.get(name, "")
    if "\0" in found:
        raise MlflowError(_NULL)
    return found


def require_parameter(request: Request, name: str) -> str:
    """A parameter of the query that must be given.

    Raises:
        MlflowError: It is absent or empty, or contains a null character.
    """
    return require(read_parameter(request, name), name)


def read_search(request: Request) -> SearchQuery:
    """The query of a search.

    Raises:
        MlflowError: A value has the wrong type, or contains a null character.
    """
    order_by = tuple(request.query_params.getlist("order_by"))
    if any("\0" in clause for clause in order_by):
        raise MlflowError(_NULL)
    size = request.query_params.get("max_results")
    return SearchQuery(
        read_parameter(request, "filter"),
        None if size is None else _read_number(request, size),
        order_by,
        read_parameter(request, "page_token"),
    )


def _read_number(request: Request, written: str) -> int | None:
    digits = written.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER:
        return int(written)
    from registry_tool.server.mlflow.bodies import SearchBody, read_query

    return read_query(request, SearchBody).max_results
