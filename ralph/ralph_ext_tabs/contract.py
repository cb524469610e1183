"""The keys' contract (docs/contract.md): names, envelopes, descriptors and their ages. It must not know Django, nor Redis."""

import base64
import json
import re
from datetime import datetime, timedelta, timezone

CARD = "application/vnd.ralphext.card+json"
HTML = "text/html"
JSON = "application/json"
TEXT = "text/plain"

SERVICE = re.compile(r"^[a-z][a-z0-9-]{0,62}\Z")
OBJECT_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
STATUSES = ("ok", "warning", "critical", "unknown")

_TIME = re.compile(r"^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")
_TYPE = re.compile(r"^[a-z0-9!#$&^_.+-]{1,63}/[a-z0-9!#$&^_.+-]{1,127}\Z")


class Refused(ValueError):
    """A value that is not to be shown, and why."""


def index_key(prefix):
    """The sorted set of all services."""
    return "%s:v1" % prefix


def descriptor_key(prefix, service):
    """The descriptor of a service."""
    return "%s:v1:%s" % (prefix, service)


def object_key(prefix, service, object_id):
    """The envelope of one object."""
    return "%s:v1:%s:%s" % (prefix, service, object_id)


def moment(text):
    """An RFC 3339 time as an aware ``datetime``; none where it is none."""
    found = _TIME.match(text) if isinstance(text, str) else None
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    micros = int(float(fraction or 0) * 1000000)
    offset = timedelta(0)
    if zone not in "Zz":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
        offset = -offset if zone[0] == "-" else offset
    try:
        # A leap second is the end of its minute.
        at = datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second), 59), micros)
        return (at - offset).replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None


def _no_constant(text):
    raise ValueError("%s is no JSON" % text)


def _parse(raw, what):
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    # A million brackets are no document either.
    except (ValueError, RecursionError) as e:
        raise Refused("%s is no JSON: %s" % (what, e))
    if not isinstance(value, dict):
        raise Refused("%s is no JSON object" % what)
    return value


class Envelope:
    """What one extension says of one object: the value of one key, checked."""

    def __init__(self, raw, object_id):
        value = _parse(raw, "the envelope")
        schema = value.get("schema")
        if schema != "envelope.v1":
            raise Refused("its schema is %r, which this reader does not know" % (schema,))
        if value.get("object_id") != object_id:
            raise Refused("it is about another object, %r" % (value.get("object_id"),))
        self.object_id = object_id
        self.version = value.get("version")
        self.hash = value.get("hash")
        self.changed_at = moment(value.get("changed_at"))
        self.content_type = value.get("content_type")
        self.encoding = value.get("encoding")
        self.content = value.get("content")
        if not isinstance(self.content_type, str) or not _TYPE.match(self.content_type):
            raise Refused("its content type is none")
        is_text = isinstance(self.content, str)
        if self.encoding not in ("json", "utf-8", "base64") or (self.encoding != "json" and not is_text):
            raise Refused("its encoding is %r, which does not fit its content" % (self.encoding,))
        if self.content_type in (JSON, CARD) and self.encoding != "json":
            raise Refused("it is JSON in another encoding")
        if self.content_type == HTML and self.encoding != "utf-8":
            raise Refused("it is HTML in another encoding")

    def body(self):
        """The content as bytes: what a download consists of."""
        if self.encoding == "base64":
            try:
                return base64.b64decode(self.content.encode("ascii"), validate=True)
            except ValueError as e:
                raise Refused("its base64 is damaged: %s" % e)
        if self.encoding == "json":
            return json.dumps(self.content, ensure_ascii=False, indent=2).encode("utf-8")
        return self.content.encode("utf-8", "replace")


class Descriptor:
    """A service: what it is, and how old what it says is. Nothing in it is relied on."""

    def __init__(self, service, raw=None):
        value = {}
        if raw is not None:
            try:
                value = _parse(raw, "the descriptor")
            except Refused:
                pass
        self.service = service
        self.is_known = str(value.get("schema", "")).startswith("service.")

        def text(name):
            return value[name] if isinstance(value.get(name), str) else ""

        def span(name):
            number = value.get(name)
            return number if isinstance(number, (int, float)) and not isinstance(number, bool) else None

        self.title = text("title") or service
        self.description = text("description")
        self.owner = text("owner")
        docs = text("docs_url")
        self.docs_url = docs if re.match(r"^https?://[^\s/?#]", docs) else ""
        models = value.get("models")
        self.models = [m for m in models if isinstance(m, str)] if isinstance(models, list) else []
        self.status = text("status")
        self.as_of = moment(value.get("as_of"))
        self.heartbeat_at = moment(value.get("heartbeat_at"))
        self.heartbeat_every = span("heartbeat_every")
        self.stale_after = span("stale_after")
        error = value.get("last_error")
        error = error if isinstance(error, dict) else {}
        self.failing_since = moment(error.get("since")) or moment(error.get("at"))
        self.error = error["message"] if isinstance(error.get("message"), str) else ""

    def stopped_at(self, now):
        """Since when nobody updates it any more; none while somebody does, and where nobody can tell."""
        if self.status == "stopped":
            return self.heartbeat_at or now
        if self.heartbeat_at is None or self.heartbeat_every is None:
            return None
        late = now - self.heartbeat_at > timedelta(seconds=3 * self.heartbeat_every)
        return self.heartbeat_at if late else None

    def is_stale(self, now):
        """Whether what it says was confirmed too long ago."""
        if self.as_of is None or self.stale_after is None:
            return False
        return now - self.as_of > timedelta(seconds=self.stale_after)
