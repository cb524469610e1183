"""How schemathesis sends what the published document describes, and what it must not expect."""
import json

import schemathesis

NDJSON = "application/x-ndjson"
# Any bytes are good content of these: nothing that is sent can be wrong.
OPAQUE = ("text/", "application/octet-stream")


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Bodies of records are lists of what a line is said to be (`x-line-schema`), sent one a line."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            media = isinstance(operation, dict) and operation.get("requestBody", {}).get("content", {}).get(NDJSON)
            if media:
                media["schema"] = {"type": "array", "items": media["schema"]["x-line-schema"], "maxItems": 5}
                media.pop("example")


@schemathesis.serializer(NDJSON)
def ndjson(ctx, value):
    if isinstance(value, bytes):
        return value
    records = value if isinstance(value, list) else [value]
    return "".join(json.dumps(record) + "\n" for record in records).encode()


@schemathesis.hook
def filter_case(context, case):
    mode = case.meta.generation.mode if case.meta else None
    is_opaque = (case.media_type or "").startswith(OPAQUE)
    return not (is_opaque and mode is not None and mode.is_negative)
