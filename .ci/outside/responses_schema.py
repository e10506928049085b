"""Validates what Frontdesk sent to OpenAI against OpenAI's published schemas.

usage: responses_schema.py GATEWAY_URL CONTRACTS_DIR

Reads the stand-in's log of a running Frontdesk: every body of `POST /responses` and of `POST /moderations`.
"""

import pathlib
import sys

import requests
import yaml
from jsonschema import Draft202012Validator

GATEWAY, CONTRACTS = sys.argv[1].rstrip("/"), pathlib.Path(sys.argv[2])
SPEC = yaml.safe_load((CONTRACTS / "openai-responses-subset.yaml").read_text())
SCHEMAS = {"/openai/v1/responses": "CreateResponse", "/openai/v1/moderations": "CreateModerationRequest"}


def main():
    checked = dict.fromkeys(SCHEMAS, 0)
    for asked in requests.get(f"{GATEWAY}/sandbox/log", timeout=10).json():
        name = SCHEMAS.get(asked["path"].split("?")[0])
        if asked["method"] != "POST" or name is None:
            continue
        schema = {"$ref": f"#/components/schemas/{name}", "components": SPEC["components"]}
        complaints = sorted(Draft202012Validator(schema).iter_errors(asked["body"]), key=lambda error: len(error.path))
        assert not complaints, f"{asked['path']}: {[(list(c.path), c.message[:200]) for c in complaints[:3]]}"
        checked[asked["path"].split("?")[0]] += 1
    assert all(checked.values()), f"nothing was sent: {checked}"
    print("openai schemas:", ", ".join(f"{count} bodies of {path}" for path, count in checked.items()))


main()
