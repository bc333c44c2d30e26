"""Each feature of MLflow's client, by the id of ML-1 to ML-8."""

import json
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

given = json.load(sys.stdin)
mlflow.set_tracking_uri(given["tracking"])
mlflow.set_registry_uri(given["url"])
client = MlflowClient()
said = {}


def refusal(call, *arguments):
    """What the server says to a call that it refuses."""
    try:
        call(*arguments)
    except MlflowException as error:
        return error.message.removeprefix(f"{error.error_code}: ")
    return "done"


def add(name, count=0):
    client.create_registered_model(name)
    for number in range(count):
        client.create_model_version(name, f"s3://bucket/{number + 1}")


client.create_registered_model("first", description="First.")
client.update_registered_model("first", "Second.")
described = client.get_registered_model("first").description
client.rename_registered_model("first", "renamed")
renamed = client.get_registered_model("renamed").name
client.create_model_version("renamed", "s3://bucket/x")
client.delete_registered_model("renamed")
gone = refusal(client.get_registered_model, "renamed")
add("renamed", 1)
again = client.get_registered_model("renamed").latest_versions[0].version
said["ML-1"] = [described, renamed, "not found" if "not found" in gone else gone, again]

add("versions")
one = client.create_model_version("versions", "s3://bucket/1", run_id="1" * 32, description="Good.")
two = client.create_model_version("versions", "s3://bucket/1")
better = client.update_model_version("versions", "1", "Better.").description
client.delete_model_version("versions", "2")
gone = refusal(client.get_model_version, "versions", "2")
three = client.create_model_version("versions", "s3://bucket/1")
said["ML-2"] = [
    one.version,
    two.version,
    better,
    "not found" if "not found" in gone else gone,
    three.version,
]

add("aliased", 2)
client.set_registered_model_alias("aliased", "Prod_1", "1")
client.set_registered_model_alias("aliased", "Champion", "1")
client.set_registered_model_alias("aliased", "Champion", "2")
moved = client.get_model_version_by_alias("aliased", "Champion").version
aliases = {k: str(v) for k, v in client.get_registered_model("aliased").aliases.items()}
client.delete_registered_model_alias("aliased", "Prod_1")
left = "gone" if "Prod_1" not in client.get_registered_model("aliased").aliases else "there"
client.delete_model_version("aliased", "2")
said["ML-3"] = [
    moved,
    aliases,
    left,
    refusal(client.get_model_version_by_alias, "aliased", "Champion"),
]

add("tagged", 1)
client.set_registered_model_tag("tagged", "team", "x")
client.set_registered_model_tag("tagged", "team", "nlp")
client.set_registered_model_tag("tagged", "empty", "")
client.set_model_version_tag("tagged", "1", "a b", "2")
tags = [client.get_registered_model("tagged").tags, client.get_model_version("tagged", "1").tags]
client.delete_model_version_tag("tagged", "1", "a b")
said["ML-4"] = [*tags, client.get_model_version("tagged", "1").tags]

add("b", 3)
add("a", 1)
client.set_model_version_tag("b", "2", "team", "nlp")
models = client.search_registered_models("name = 'a'") + client.search_registered_models(
    "name ILIKE 'B'"
)
ordered = client.search_model_versions("name='b'", order_by=["version_number DESC"])
by_tag = client.search_model_versions("tags.team = 'nlp'")
page = client.search_model_versions("name='b'", max_results=2)
pages = [
    len(page),
    len(client.search_model_versions("name='b'", max_results=2, page_token=page.token)),
]
by_run = client.search_model_versions(f"run_id = '{'1' * 32}'")
said["ML-5"] = [
    sorted((m.name for m in models), reverse=True), [v.version for v in ordered], [v.version for v in by_tag],
    pages, [v.version for v in by_run],
]  # fmt: skip

add("staged", 3)
client.transition_model_version_stage("staged", "1", "Production")
client.transition_model_version_stage("staged", "2", "production", archive_existing_versions=True)
stages = [client.get_model_version("staged", n).current_stage for n in "123"]
latest = sorted(f"{v.current_stage} {v.version}" for v in client.get_latest_versions("staged"))
said["ML-6"] = [stages, latest]

said["ML-7"] = client.get_model_version_download_uri("b", "1")

mlflow.genai.register_prompt("greet", "Hello {{name}}")
mlflow.genai.register_prompt("greet", "Hi {{name}}")
first = mlflow.genai.load_prompt("prompts:/greet/1").template
second = mlflow.genai.load_prompt("prompts:/greet@latest")
prompts = [p.name for p in mlflow.genai.search_prompts()]
copied = client.copy_model_version("models:/tagged/1", "copied")
said["ML-8"] = [
    first,
    second.template,
    second.version,
    prompts,
    [[copied.name, copied.version, copied.source]],
]
print(json.dumps(said))
