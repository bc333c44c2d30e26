"""MLflow's calls for webhooks: https://mlflow.org/docs/latest/ml/webhooks/.

Registrations are no data of the registry: they contain secrets, so they are in the server's state folder, and replicas have none.
Whoever registers one sends changes of all namespaces to an address, which needs the scope ``review`` for all.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import datetime as dt
import re
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Final, TypeVar

from pydantic import Field, StrictInt, StrictStr
from starlette.requests import Request
from starlette.responses import Response

from registry_tool.access.outgoing_requests import OutgoingRequestError, parse_url, resolve_host
from registry_tool.access.subjects import Subject
from registry_tool.errors import ForbiddenError, OperationalError, RegistryError, UsageError
from registry_tool.integrations.mlflow_mapping import API
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.faces import JsonResponse, current_subject
from registry_tool.server.mlflow import bodies
from registry_tool.server.mlflow.errors import (
    MissingResourceError,
    MlflowError,
    missing_parameter,
)
from registry_tool.server.mlflow.webhook_events import ACTIONS, MlflowWebhooks, example_message
from registry_tool.server.service import Service
from registry_tool.server.webhooks.allowed_addresses import AllowedAddresses, read_allowed
from registry_tool.server.webhooks.delivery import (
    DEFAULT_PACE,
    Dispatcher,
    Pace,
    WebhookHost,
    send_message,
)
from registry_tool.server.webhooks.folder import find_folder
from registry_tool.server.webhooks.registrations import Position, Webhook, WebhookStore
from registry_tool.writer.request import BusyError

__all__ = ["WebhookCalls"]

_NAME: Final = re.compile(r"(?=.{1,63}$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_ENTITIES: Final = ("entity_unspecified", *ACTIONS)
_ACTIONS: Final = ("action_unspecified", "created", "updated", "deleted", "set", "exceeded")
_STATUSES: Final = ("", "active", "disabled")
_LONGEST_URL: Final = 500
_LONGEST_TEXT: Final = 1000
_MOST: Final = 100
_PAGE: Final = 100
_LONGEST_PAGE: Final = 1000
_RESOLVE_SECONDS: Final = 5.0
_AT_ONCE: Final = 4  # tests of webhooks, each of which may take half a minute
_T = TypeVar("_T")


class _EventBody(bodies.Body):
    entity: StrictStr | StrictInt = ""
    action: StrictStr | StrictInt = ""


class _CreateBody(bodies.Body):
    name: StrictStr | None = None
    url: StrictStr | None = None
    events: list[_EventBody] = Field(default=[])
    description: StrictStr | None = None
    secret: StrictStr | None = None
    status: StrictStr | StrictInt | None = None


class _TestBody(bodies.Body):
    event: _EventBody | None = None


class _ListBody(bodies.Body):
    max_results: bodies.Number | None = None
    page_token: StrictStr | None = None


def _choose(value: str | int, words: Sequence[str]) -> str:
    """A word of an enumeration of MLflow's messages, by its name or its number; empty for none."""
    if isinstance(value, int):
        return words[value] if 0 < value < len(words) else ""
    return value.lower() if value.lower() in words[1:] else ""


def _read_event(event: _EventBody) -> str:
    entity = _choose(event.entity, _ENTITIES)
    action = _choose(event.action, _ACTIONS)
    if not entity or not action:
        raise MlflowError(
            f"Invalid webhook event: entity {event.entity!r}, action {event.action!r}."
        )
    if action not in ACTIONS[entity]:
        raise MlflowError(
            f"Invalid action '{action}' for entity '{entity}'. Valid actions are: {sorted(ACTIONS[entity])}"
        )
    return f"{entity}.{action}"


def _read_events(events: Sequence[_EventBody]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_read_event(one) for one in events))


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise MlflowError(
            f"Webhook name {name!r} is invalid. It must start and end with a letter or digit, be less than 63 characters"
            " long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
        )
    return name


def _check_text(value: str | None, name: str) -> str:
    if len(value or "") > _LONGEST_TEXT:
        raise MlflowError(f"'{name}' exceeds the maximum length of {_LONGEST_TEXT} characters")
    return value or ""


def _read_status(status: str | int | None) -> bool | None:
    if status is None:
        return None
    found = _choose(status, _STATUSES)
    if not found:
        raise MlflowError(f"Invalid webhook status: {status!r}. Use ACTIVE or DISABLED.")
    return found == "active"


def _check_address(url: str, allowed: AllowedAddresses) -> None:
    """Check that a webhook may be sent to an address; resolves its name."""
    if len(url) > _LONGEST_URL:
        raise MlflowError(f"'url' exceeds the maximum length of {_LONGEST_URL} characters")
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in allowed.schemes:
        raise MlflowError(
            f"Invalid webhook URL scheme: {scheme!r}. Allowed schemes are: {', '.join(allowed.schemes)}."
        )
    try:
        parts = parse_url(url)
        allowed.check(parts)
        resolve_host(parts, allowed.judge(parts))
    except (UsageError, OutgoingRequestError) as exc:
        raise MlflowError(f"Invalid webhook URL {url!r}: {exc.message}") from exc


async def _run_apart(work: Callable[[], _T], seconds: float) -> _T:
    """Run what may take long outside the event loop, and not in the threads that other requests need."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except RegistryError as exc:
            future.set_exception(exc)

    threading.Thread(target=run, name="webhook request", daemon=True).start()
    return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), seconds)


def _render(webhook: Webhook) -> dict[str, JSON]:
    """A webhook in JSON, without its secret."""
    events: list[JSON] = []
    for one in webhook.events:
        entity, _, action = one.partition(".")
        events.append({"entity": entity.upper(), "action": action.upper()})
    found: dict[str, JSON] = {
        "webhook_id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "events": events,
        "status": "ACTIVE" if webhook.is_active else "DISABLED",
        "creation_timestamp": webhook.created,
        "last_updated_timestamp": webhook.updated,
    }
    return found | ({"description": webhook.description} if webhook.description else {})


def _now() -> int:
    return time.time_ns() // 1_000_000


class WebhookCalls:
    """The calls, and the deliveries.

    Args:
        service: The registry.
        pace: When a delivery that failed is tried again.
    """

    def __init__(self, service: Service, pace: Pace = DEFAULT_PACE) -> None:
        self._service = service
        self._store = WebhookStore(find_folder(service, API))
        self._protocol = MlflowWebhooks(service)
        host = WebhookHost(
            tip=lambda: service.snapshot.commit,
            step=lambda commit: service.find_step(commit, service.snapshot.commit),
            allowed=self._allowed,
            notify=service.options.notify,
        )
        self._dispatcher = Dispatcher(self._store, self._protocol, host, pace)
        self._testing = 0
        service.live.listen(lambda _, __: self._dispatcher.notify())
        service.on_closing(self._dispatcher.stop)

    def begin(self) -> None:
        """Deliver what the webhooks have missed; where that is not possible, the operator gets a line."""
        try:
            self._dispatcher.start()
        except (
            OperationalError
        ) as exc:  # the registry is served; who asks for webhooks gets the error
            self._service.options.notify(f"webhooks are not delivered: {exc}")

    def _allowed(self) -> AllowedAddresses:
        return read_allowed(self._service.policy)

    def _open(self, request: Request) -> Subject:
        """Check who asks, and take the webhooks for this server."""
        subject, options = current_subject(request), self._service.options
        if options.read_only:
            where = f"register them at {options.writer_url}" if options.writer_url else ""
            raise ForbiddenError("a replica delivers no webhooks", remedy=where)
        if not subject.may_everywhere("review"):
            raise ForbiddenError(
                f"webhooks need the scope review for all namespaces, which {subject.name} does not have",
                remedy="create a token with it: registry serve token add NAME --scope review",
            )
        self._dispatcher.start()
        return subject

    def _find(self, request: Request) -> Webhook:
        number: str = request.path_params["webhook_id"]
        found = self._store.find(number)
        if found is None:
            raise MissingResourceError(f"Webhook with ID {number} not found.")
        return found

    async def _check_address(self, url: str) -> None:
        allowed = self._allowed()
        try:
            await _run_apart(lambda: _check_address(url, allowed), _RESOLVE_SECONDS)
        except TimeoutError as exc:
            raise MlflowError(f"Timed out resolving Webhook URL {url!r}") from exc

    async def create_webhook(self, request: Request) -> Response:
        """``POST webhooks``."""
        self._open(request)
        body = await bodies.read_body(request, _CreateBody)
        name = _check_name(bodies.require(body.name, "name"))
        url = bodies.require(body.url, "url")
        events = _read_events(body.events)
        if not events:
            raise missing_parameter("events")
        is_active = _read_status(body.status)
        description = _check_text(body.description, "description")
        secret = _check_text(body.secret, "secret")
        await self._check_address(url)
        if len([*self._store]) >= _MOST:
            raise MlflowError(f"There are {_MOST} webhooks; no more can be registered.")
        now = _now()
        webhook = Webhook(
            str(uuid.uuid4()), name, url, events, description, secret, is_active is not False, now, now,
            Position(self._service.snapshot.commit),
        )  # fmt: skip
        self._store.put(webhook)
        self._dispatcher.follow(webhook.id)
        return JsonResponse({"webhook": _render(webhook)})

    async def get_webhook(self, request: Request) -> Response:
        """``GET webhooks/{webhook_id}``."""
        self._open(request)
        return JsonResponse({"webhook": _render(self._find(request))})

    async def list_webhooks(self, request: Request) -> Response:
        """``GET webhooks``, the newest first."""
        self._open(request)
        body = bodies.read_query(request, _ListBody)
        most = body.max_results or _PAGE
        if not 1 <= most <= _LONGEST_PAGE:
            raise MlflowError(f"max_results must be between 1 and {_LONGEST_PAGE}.")
        found = sorted(self._store, key=_order)
        if body.page_token:
            found = [one for one in found if _order(one) > _read_token(body.page_token)]
        data: dict[str, JSON] = {}
        if found:
            data["webhooks"] = [_render(one) for one in found[:most]]
        if len(found) > most:
            last = found[most - 1]
            data["next_page_token"] = base64.b64encode(
                f"{last.created}:{last.id}".encode()
            ).decode()
        return JsonResponse(data)

    async def update_webhook(self, request: Request) -> Response:
        """``PATCH webhooks/{webhook_id}``."""
        self._open(request)
        number = self._find(request).id
        body = await bodies.read_body(request, _CreateBody)
        name, events = _check_name(body.name) if body.name else "", _read_events(body.events)
        description = _check_text(body.description, "description")
        secret = _check_text(body.secret, "secret")
        if body.url:
            await self._check_address(body.url)
        status, tip = _read_status(body.status), self._service.snapshot.commit

        def change(now: Webhook) -> Webhook:
            is_active = now.is_active if status is None else status
            # What happens while a webhook is disabled is not delivered, as with MLflow.
            position = Position(tip) if is_active and not now.is_active else now.position
            return replace(
                now,
                name=name or now.name,
                url=body.url or now.url,
                events=events or now.events,
                description=now.description if body.description is None else description,
                secret=now.secret if body.secret is None else secret,
                is_active=is_active,
                position=position,
                updated=_now(),
                failing_since=0,
            )

        changed = self._store.edit(number, change)
        self._dispatcher.follow(number)
        return JsonResponse({"webhook": _render(changed or self._find(request))})

    async def delete_webhook(self, request: Request) -> Response:
        """``DELETE webhooks/{webhook_id}``."""
        self._open(request)
        number = self._find(request).id
        self._store.remove(number)
        self._dispatcher.follow(number)
        return JsonResponse({})

    async def test_webhook(self, request: Request) -> Response:
        """``POST webhooks/{webhook_id}/test``: sends an example, and answers what the receiver says."""
        self._open(request)
        webhook = self._find(request)
        body = await bodies.read_body(request, _TestBody)
        kind = webhook.events[0] if body.event is None else _read_event(body.event)
        if self._testing >= _AT_ONCE:
            raise BusyError("other webhooks are being tested", remedy="try again later")
        self._testing += 1
        try:
            return JsonResponse({"result": await self._test(webhook, kind)})
        finally:
            self._testing -= 1

    async def _test(self, webhook: Webhook, kind: str) -> dict[str, JSON]:
        message = example_message(kind, dt.datetime.now(dt.UTC).isoformat())
        allowed, protocol = self._allowed(), self._protocol
        delivery = str(uuid.uuid4())
        try:
            reply = await _run_apart(
                lambda: send_message(
                    webhook, message, delivery, protocol=protocol, allowed=allowed
                ),
                60.0,
            )
        except (OutgoingRequestError, UsageError, TimeoutError) as exc:
            reason = exc.message if isinstance(exc, RegistryError) else "timed out"
            return {"success": False, "error_message": f"Failed to test webhook: {reason}"}
        found: dict[str, JSON] = {"success": reply.status < 300, "response_status": reply.status}  # noqa: PLR2004
        body = reply.body.decode(errors="replace")
        return found | ({"response_body": body} if body else {})


def _order(webhook: Webhook) -> tuple[int, str]:
    return -webhook.created, webhook.id


def _read_token(token: str) -> tuple[int, str]:
    try:
        created, _, number = base64.b64decode(token, validate=True).decode().partition(":")
        return -int(created), number
    except (binascii.Error, ValueError) as exc:
        raise MlflowError("Invalid page token, could not base64-decode") from exc
