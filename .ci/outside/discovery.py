"""Judges requests and answers by one of Google's discovery documents.

Stricter than the document where Google is: a property, parameter or path of a mask that the document lacks is a
complaint, and so is, in a request, what it calls read-only or deprecated, or a second member of what it describes as a
choice. The document says the latter in its prose alone, so those few are named here.
"""

import json
import math
import re
import urllib.parse

# Exactly one of these properties is set; an empty tuple stands for all of the schema's.
CHOICES = {
    "Request": (),
    "ExtendedValue": (),
    "DataFilter": (),
    "ColorStyle": (),
    "UpdateCellsRequest": ("start", "range"),
    "DeveloperMetadataLocation": ("spreadsheet", "sheetId", "dimensionRange"),
}
# "At least one field must be specified", "must always have …".
REQUIRED = {
    "AppendCellsRequest": ("fields", "rows"),
    "UpdateCellsRequest": ("fields",),
    "DeleteDeveloperMetadataRequest": ("dataFilter",),
    "DeveloperMetadata": ("metadataKey", "visibility", "location"),
    "NumberFormat": ("type",),
    "BatchUpdateSpreadsheetRequest": ("requests",),
    "BatchGetValuesByDataFilterRequest": ("dataFilters",),
}
# What the masks of sub-requests are rooted at.
ROOTS = {
    "AppendCellsRequest": "CellData",
    "UpdateCellsRequest": "CellData",
    "RepeatCellRequest": "CellData",
    "UpdateSheetPropertiesRequest": "SheetProperties",
    "UpdateDeveloperMetadataRequest": "DeveloperMetadata",
}
OUTPUT_ONLY = re.compile(r"^Output only|This field is read-only")
INTEGERS = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}


def strict_json(text):
    """The value of a JSON text in which no name stands twice and every number is one."""

    def pairs(found):
        names = [name for name, _ in found]
        assert len(set(names)) == len(names), f"a name stands twice in {names}"
        return dict(found)

    def constant(name):
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)


class Discovery:
    def __init__(self, path):
        self.document = json.loads(path.read_text())
        self.schemas = self.document["schemas"]
        self.methods = list(methods(self.document))
        assert self.methods and self.document["parameters"], f"{path} is no discovery document"

    # === calls ===

    def method(self, verb, path):
        """The method that a path (without the service's root) belongs to, and its path parameters."""
        for method in self.methods:
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", re.escape("/" + method["flatPath"]))
            if method["httpMethod"] == verb and (found := re.fullmatch(pattern, path)):
                return method, {name: urllib.parse.unquote(value) for name, value in found.groupdict().items()}
        return None, {}

    def judge(self, exchange, path):
        """What is wrong with a request whose path is `path` below the service's root."""
        method, given = self.method(exchange.method, path)
        if method is None:
            return [f"the document has no {exchange.method} {path}"]
        wrong = list(self.parameters(method, [*given.items(), *exchange.query]))
        if "request" not in method:
            return wrong + (["a body where the document has none"] if exchange.sent else [])
        if exchange.header("content-type") != ["application/json"]:
            wrong.append(f"content type {exchange.header('content-type')}")
        try:
            body = strict_json(exchange.sent)
        except (ValueError, AssertionError) as error:
            return wrong + [f"body: {error}"]
        return wrong + list(self.check(method["request"], body, "body", sent=True))

    def judge_answer(self, exchange, path):
        """What is wrong with a 200."""
        method, _ = self.method(exchange.method, path)
        return list(self.check(method["response"], strict_json(exchange.answered), "answer", sent=False))

    def parameters(self, method, given):
        known = {**self.document["parameters"], **method["parameters"]}
        counts = {}
        for name, value in given:
            counts[name] = counts.get(name, 0) + 1
            if name not in known:
                yield f"unknown parameter {name}"
            elif counts[name] > 1 and not known[name].get("repeated"):
                yield f"parameter {name} stands twice"
            else:
                yield from self.text(known[name], value, f"parameter {name}")
            if name == "fields":
                yield from self.mask(method["response"], value, "parameter fields", sent=False)
        yield from (
            f"parameter {name} is missing"
            for name, parameter in known.items()
            if parameter.get("required") and not counts.get(name)
        )

    def text(self, schema, value, where):
        """A value as it stands in an address."""
        if schema["type"] == "boolean" and value not in ("true", "false"):
            yield f"{where}: {value!r} is no boolean"
        elif schema["type"] == "integer":
            if re.fullmatch(r"-?\d+", value):
                yield from self.check(schema, int(value), where, sent=True)
            else:
                yield f"{where}: {value!r} is no integer"
        elif "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value!r} is not one of {schema['enum']}"

    # === values ===

    def check(self, schema, value, where, sent):
        """What is wrong with a value; `sent` is one of a request."""
        if "$ref" in schema:
            yield from self.message(schema["$ref"], value, where, sent)
        elif schema["type"] == "array":
            if not isinstance(value, list):
                yield f"{where} is no list"
                return
            for at, item in enumerate(value):
                yield from self.check(schema["items"], item, f"{where}[{at}]", sent)
        elif schema["type"] == "object":
            if not isinstance(value, dict):
                yield f"{where} is no object"
                return
            for name, item in value.items():
                yield from self.check(schema["additionalProperties"], item, f"{where}.{name}", sent)
        else:
            yield from scalar(schema, value, where, sent)

    def message(self, name, value, where, sent):
        schema = self.schemas[name]
        if not isinstance(value, dict):
            yield f"{where} is no {name}"
            return
        properties = schema.get("properties", {})
        for key, item in value.items():
            place = f"{where}.{key}"
            if key not in properties:
                yield f"{place}: {name} has no such property"
            elif sent and (fault := unsendable(properties[key])):
                yield f"{place}: {name}'s property is {fault}"
            else:
                yield from self.check(properties[key], item, place, sent)
                if properties[key].get("format") == "google-fieldmask":
                    yield from self.body_mask(name, item, place)
        if sent:
            yield from demands(name, properties, value, where)

    # === masks ===

    def body_mask(self, name, text, where):
        if name not in ROOTS:
            yield f"{where}: it is not known what the mask of {name} is rooted at"
        elif isinstance(text, str):
            yield from self.mask({"$ref": ROOTS[name]}, text, where, sent=True)

    def mask(self, schema, text, where, sent):
        try:
            paths = mask_paths(text)
        except ValueError as error:
            yield f"{where}: {error}"
            return
        for path in paths:
            yield from self.follow(schema, path, where, sent)

    def follow(self, schema, path, where, sent):
        for at, step in enumerate(path):
            while schema.get("type") == "array":
                schema = schema["items"]
            if step == "*":
                return
            properties = self.schemas[schema["$ref"]].get("properties", {}) if "$ref" in schema else {}
            if step not in properties:
                yield f"{where}: {'.'.join(path[: at + 1])} leads nowhere"
                return
            schema = properties[step]
            if sent and (fault := unsendable(schema)):
                yield f"{where}: {'.'.join(path[: at + 1])} is {fault}"
                return


def methods(node):
    yield from node.get("methods", {}).values()
    for resource in node.get("resources", {}).values():
        yield from methods(resource)


def unsendable(schema):
    if schema.get("readOnly") or OUTPUT_ONLY.search(schema.get("description", "")):
        return "read-only"
    return "deprecated" if schema.get("deprecated") else None


def demands(name, properties, value, where):
    if name in CHOICES:
        members = CHOICES[name] or tuple(properties)
        chosen = [key for key in value if key in members]
        if len(chosen) != 1:
            yield f"{where}: {name} has {len(chosen)} of its {len(members)} kinds set"
    for key in REQUIRED.get(name, ()):
        if value.get(key) in (None, "", [], {}):
            yield f"{where}: {name} needs {key}"


def scalar(schema, value, where, sent):
    kind, form = schema["type"], schema.get("format")
    if kind == "boolean":
        fine = isinstance(value, bool)
    elif kind == "integer":
        low, high = INTEGERS[form]
        fine = type(value) is int and low <= value <= high
    elif kind == "number":
        fine = type(value) in (int, float) and math.isfinite(value)
    elif kind == "string" and form == "int64":
        fine = isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value)
    elif kind == "string":
        fine = isinstance(value, str)
    else:
        # `any`, as in ValueRange: what a cell can show.
        fine = kind == "any" and isinstance(value, (str, bool, int, float))
    if not fine:
        yield f"{where}: {value!r:.60} is no {form or kind}"
    elif "enum" in schema and (value not in schema["enum"] or (sent and value.endswith("_UNSPECIFIED"))):
        yield f"{where}: {value!r} is not one of {schema['enum']}"


def mask_paths(text):
    """The paths of `a,b.c,d(e,f/g)`, each as a list of names."""
    tokens = re.findall(r"[A-Za-z0-9_*]+|[^A-Za-z0-9_*]", text)

    def items(at, prefix):
        paths = []
        while True:
            path = list(prefix)
            while True:
                if at >= len(tokens) or not re.match(r"[A-Za-z0-9_*]", tokens[at]):
                    raise ValueError(f"the mask {text!r} cannot be read")
                path.append(tokens[at])
                at += 1
                if at < len(tokens) and tokens[at] in "./":
                    at += 1
                    continue
                break
            if at < len(tokens) and tokens[at] == "(":
                below, at = items(at + 1, path)
                if at >= len(tokens) or tokens[at] != ")":
                    raise ValueError(f"a bracket of the mask {text!r} is not closed")
                paths += below
                at += 1
            else:
                paths.append(path)
            if at < len(tokens) and tokens[at] == ",":
                at += 1
                continue
            return paths, at

    paths, end = items(0, [])
    if end != len(tokens):
        raise ValueError(f"the mask {text!r} cannot be read from {tokens[end]!r} on")
    return paths
