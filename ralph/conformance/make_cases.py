#!/usr/bin/env python3
"""Writes cases.json: what stands in Redis, and what a reader makes of it. For readers in any language."""

import hashlib
import json
import os

NOW = "2026-11-30T10:52:00.000Z"


def canonical(value):
    """RFC 8785 for what is used here: no fractions, names in ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def envelope(service, object_id, content, kind="application/json", encoding="json", **over):
    whole = {"content": content, "content_type": kind, "encoding": encoding}
    digest = hashlib.sha256(canonical(whole).encode("utf-8")).hexdigest()
    head = {
        "schema": "envelope.v1", "version": 1796035920000, "epoch": 1796035900000, "changed_at": "2026-11-30T10:42:00.000Z",
        "hash": digest, "service": service, "object_id": object_id, "content_type": kind, "encoding": encoding,
    }
    head.update(over)
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False)
    return text[:-1] + ',"content":' + canonical(content) + "}"


def descriptor(service, **over):
    about = {
        "schema": "service.v1", "service": service, "title": service.title(), "models": [], "status": "ok",
        "as_of": "2026-11-30T10:51:30.000Z", "last_success_at": "2026-11-30T10:51:30.000Z",
        "heartbeat_at": "2026-11-30T10:51:58.000Z", "heartbeat_every": 15, "stale_after": 300, "ttl": 86400,
        "counts": {"objects": 1, "failed": 0},
        "writer": {"instance": "hwinfo-0", "version": "0.1.0", "epoch": 1796035900000, "mode": "run", "source": "exec"},
    }
    about.update(over)
    return json.dumps({name: value for name, value in about.items() if value is not None}, separators=(",", ":"))


def case(name, keys, shown, object_id="4711", **notes):
    return {"name": name, "now": NOW, "object_id": object_id, "keys": keys, "shown": shown, "notes": notes}


A, B = "ralphext:v1:hwinfo:4711", "ralphext:v1:hwinfo"
FACTS = envelope("hwinfo", "4711", {"cpu": "Xeon", "ram_gib": 256})
CARD = envelope("hwinfo", "4711", {"status": "ok", "title": "Łódź"}, "application/vnd.ralphext.card+json")
SHOWN = {"hwinfo": {"content_type": "application/json", "encoding": "json", "content": {"cpu": "Xeon", "ram_gib": 256}}}

CASES = [
    case("free JSON", {A: FACTS, B: descriptor("hwinfo")}, SHOWN),
    case("a card, UTF-8", {A: CARD, B: descriptor("hwinfo")},
         {"hwinfo": {"content_type": "application/vnd.ralphext.card+json", "encoding": "json",
                     "content": {"status": "ok", "title": "Łódź"}}}),
    case("HTML", {A: envelope("hwinfo", "4711", "<b>x</b>", "text/html", "utf-8"), B: descriptor("hwinfo")},
         {"hwinfo": {"content_type": "text/html", "encoding": "utf-8", "content": "<b>x</b>"}}),
    case("a file", {A: envelope("hwinfo", "4711", "JVBERi0=", "application/pdf", "base64"), B: descriptor("hwinfo")},
         {"hwinfo": {"content_type": "application/pdf", "encoding": "base64", "content": "JVBERi0="}}),
    case("an id of a model with ids of its own",
         {"ralphext:v1:hwinfo:data_center.rack.12": envelope("hwinfo", "data_center.rack.12", 1), B: descriptor("hwinfo")},
         {"hwinfo": {"content_type": "application/json", "encoding": "json", "content": 1}}, "data_center.rack.12"),
    case("a field that is not known yet", {A: envelope("hwinfo", "4711", {"cpu": "Xeon", "ram_gib": 256}, new=1),
                                           B: descriptor("hwinfo", new={"a": 1})}, SHOWN),
    case("no value", {B: descriptor("hwinfo")}, {}),
    case("no descriptor: the value is shown", {A: FACTS}, SHOWN, hwinfo=["unknown"]),
    case("a descriptor that is none", {A: FACTS, B: "x"}, SHOWN, hwinfo=["unknown"]),
    case("another object's value", {A: envelope("hwinfo", "4712", {"cpu": "Xeon"}), B: descriptor("hwinfo")}, {}),
    case("a layout to come", {A: FACTS.replace("envelope.v1", "envelope.v2"), B: descriptor("hwinfo")}, {}),
    case("no JSON", {A: "{", B: descriptor("hwinfo")}, {}),
    case("NaN is no JSON", {A: FACTS.replace("256", "NaN"), B: descriptor("hwinfo")}, {}),
    case("stopped in order", {A: FACTS, B: descriptor("hwinfo", status="stopped")}, SHOWN, hwinfo=["stopped"]),
    case("stopped without a word", {A: FACTS, B: descriptor("hwinfo", heartbeat_at="2026-11-30T10:51:00.000Z")}, SHOWN,
         hwinfo=["stopped"]),
    case("late, and not too late", {A: FACTS, B: descriptor("hwinfo", heartbeat_at="2026-11-30T10:51:16.000Z")}, SHOWN),
    case("once has no heartbeat", {A: FACTS, B: descriptor("hwinfo", heartbeat_at="2026-11-29T10:52:00.000Z",
                                                          as_of="2026-11-30T10:52:00.000Z", heartbeat_every=None)}, SHOWN),
    case("failing", {A: FACTS, B: descriptor("hwinfo", status="failing", last_error={
        "at": "2026-11-30T10:51:50.000Z", "since": "2026-11-30T10:50:00.000Z", "message": "no route"})}, SHOWN,
         hwinfo=["failing"]),
    case("confirmed too long ago", {A: FACTS, B: descriptor("hwinfo", as_of="2026-11-30T10:40:00.000Z")}, SHOWN,
         hwinfo=["stale"]),
    case("all of it at once", {A: FACTS, B: descriptor(
        "hwinfo", status="failing", as_of="2026-11-28T10:40:00.000Z", heartbeat_at="2026-11-29T22:14:00.000Z",
        last_error={"at": "2026-11-28T10:41:00.000Z", "since": "2026-11-28T10:41:00.000Z", "message": "no route"})}, SHOWN,
         hwinfo=["failing", "stale", "stopped"]),
    case("two services", {A: FACTS, B: descriptor("hwinfo"), "ralphext:v1:cost:4711": envelope("cost", "4711", [1]),
                          "ralphext:v1:cost": descriptor("cost")},
         dict(SHOWN, cost={"content_type": "application/json", "encoding": "json", "content": [1]})),
]

if __name__ == "__main__":
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.json"), "w", encoding="utf-8") as file:
        json.dump(CASES, file, ensure_ascii=False, indent=1, sort_keys=True)
        file.write("\n")
