"""Everything that MLflow's client can do with webhooks, and a change of each kind that it has a message for."""

import json
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities.webhook import VALID_ENTITY_ACTIONS
from mlflow.exceptions import MlflowException
from mlflow.webhooks.delivery import _generate_hmac_signature
from mlflow.webhooks.types import EVENT_TO_PAYLOAD_CLASS

given = json.load(sys.stdin)
own = given["given"]
client = MlflowClient(tracking_uri=given["tracking"], registry_uri=given["url"])
mlflow.set_tracking_uri(given["tracking"])
mlflow.set_registry_uri(given["url"])
EVENTS = [
    f"{entity}.{action}"
    for entity, actions in VALID_ENTITY_ACTIONS.items()
    for action in sorted(actions)
]


def refused(work):
    try:
        work()
    except MlflowException as exc:
        return [exc.error_code, exc.message.splitlines()[0]]
    return "not refused"


def shown(hook):
    return [
        hook.name,
        hook.url,
        sorted(str(event) for event in hook.events),
        hook.description,
        str(hook.status),
    ]


def manage():
    said = {}
    hook = client.create_webhook(
        "deploy", own["receiver"], EVENTS, description="Deploys.", secret=own["secret"]
    )
    said["created"] = [*shown(hook), hook.secret]
    said["read"] = shown(client.get_webhook(hook.webhook_id))
    other = client.create_webhook(
        "other", own["receiver"], ["model_version.created"], status="DISABLED"
    )
    page = client.list_webhooks(max_results=1)
    rest = client.list_webhooks(max_results=1, page_token=page.token)
    said["listed"] = [[one.name for one in page], [one.name for one in rest], rest.token or ""]
    changed = client.update_webhook(
        other.webhook_id, name="third", events=["prompt.created"], description="x"
    )
    said["updated"] = shown(changed)
    said["times"] = changed.creation_timestamp < changed.last_updated_timestamp
    client.delete_webhook(other.webhook_id)
    said["deleted"] = refused(lambda: client.get_webhook(other.webhook_id))
    said["tests"] = []
    for event in [None, *EVENTS]:
        result = client.test_webhook(hook.webhook_id, event)
        said["tests"].append(
            [result.success, result.response_status, result.response_body, result.error_message]
        )
    said["refused"] = [
        refused(lambda: client.create_webhook("-", own["receiver"], EVENTS)),
        refused(lambda: client.create_webhook("a", "ftp://example.org", EVENTS)),
        refused(lambda: client.create_webhook("a", "http://169.254.169.254/latest", EVENTS)),
        refused(lambda: client.create_webhook("a", "http://user:secret@127.0.0.1/", EVENTS)),
        refused(lambda: client.delete_webhook(other.webhook_id)),
        refused(lambda: client.list_webhooks(max_results=1001)),
    ]
    said["id"] = hook.webhook_id
    return said


def change():
    client.create_registered_model("lang-id", tags={"team": "nlp"}, description="Languages.")
    client.create_model_version(
        "lang-id", "s3://bucket/1", run_id="a" * 32, tags={"a": "1"}, description="First."
    )
    client.set_model_version_tag("lang-id", "1", "b", "2")
    client.delete_model_version_tag("lang-id", "1", "b")
    client.set_registered_model_alias("lang-id", "Champion", "1")
    client.delete_registered_model_alias("lang-id", "Champion")
    client.set_registered_model_tag("lang-id", "no", "message")
    mlflow.register_prompt(
        name="greet", template="Hello {{name}}", commit_message="Start", tags={"c": "3"}
    )
    client.set_prompt_tag("greet", "d", "4")
    client.delete_prompt_tag("greet", "d")
    client.set_prompt_version_tag("greet", "1", "e", "5")
    client.delete_prompt_version_tag("greet", "1", "e")
    client.set_prompt_alias("greet", "live", 1)
    client.delete_prompt_alias("greet", "live")
    return {}


def verify():
    """What a receiver that follows MLflow's documentation finds in messages."""
    found = []
    for headers, text in own["deliveries"]:
        body = json.loads(text)
        signature = _generate_hmac_signature(
            own["secret"], headers["x-mlflow-delivery-id"], headers["x-mlflow-timestamp"], text
        )
        payloads = {
            (str(entity), str(action)): kind
            for (entity, action), kind in EVENT_TO_PAYLOAD_CLASS.items()
        }
        kind = payloads[body["entity"], body["action"]]
        found.append(
            [
                f"{body['entity']}.{body['action']}",
                signature == headers["x-mlflow-signature"],
                sorted(body) == ["action", "data", "entity", "timestamp"],
                sorted(kind.__annotations__) == sorted(body["data"]),
                kind.example() == body["data"],
            ]
        )
    return found


print(json.dumps({"manage": manage, "change": change, "verify": verify}[own["do"]]()))
