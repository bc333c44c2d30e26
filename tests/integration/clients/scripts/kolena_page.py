"""Runs the program of a page of the docs with Kolena's client, as it stands there."""

import json
import os
import sys
import types

given = json.load(sys.stdin)
os.environ["KOLENA_API_URL"] = given["url"]
os.environ["KOLENA_TOKEN"] = given.get("token", "any")
# The client looks up the module of the classes that the program defines.
module = types.ModuleType("program")
sys.modules["program"] = module
exec(compile(given["program"], given["page"], "exec"), module.__dict__)
print(
    json.dumps({"model": module.model._id, "samples": len(module.suite.load_test_samples()[0][1])})
)
