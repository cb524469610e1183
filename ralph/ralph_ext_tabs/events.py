"""Follows the change events of a service (docs/events.md), for whoever keeps something made of its content. It must not know
Django, but for where Redis is.

    from ralph_ext_tabs import events

    for told in events.follow("hwinfo", after=saved_id):
        if isinstance(told, events.Gap):
            read_everything_anew()          # ralph_ext_tabs.many("hwinfo", ids)
        elif told.object_id:
            forget(told.object_id)          # written or removed: read it when it is needed next
        save(told.id)
"""

import json
import time

from .contract import SERVICE

SCHEMA = "event.v1"
COUNT = 500
START = "0-0"


class Gap:
    """What was told before ``id`` is not known: it is the first thing told without ``after``, and whenever something is missing.

    Whatever is read from now on is at least as new as what comes next.
    """

    kind = "gap"
    object_id = None

    def __init__(self, entry):
        self.id = entry

    def __repr__(self):
        return "Gap(%r)" % self.id


class Event:
    """One event: ``kind`` is ``written``, ``removed`` or ``status``; ``id`` is its entry, for ``after``."""

    def __init__(self, entry, value):
        self.id = entry
        self.kind = value["kind"]
        self.object_id = value.get("object_id")
        self.version = value.get("version")
        self.hash = value.get("hash")
        self.reason = value.get("reason")
        self.status = value.get("status")
        self.at = value.get("at")
        self.place = tuple(int(value[name]) for name in ("batch", "previous", "place", "of"))

    def __repr__(self):
        return "Event(%r, %r, %r)" % (self.id, self.kind, self.object_id or self.status)

    def follows(self, before):
        """Whether nothing was told in between."""
        batch, previous, place, of = before.place
        if place < of:
            return self.place == (batch, previous, place + 1, of)
        return self.place[2] == 1 and self.place[1] == batch


def follow(service, after=None, client=None, prefix=None, wait=1.0, stop=None):
    """Yields an ``Event`` for each that is told from ``after`` on (an ``id``), and a ``Gap`` where something is missing.

    Without ``after`` it begins now, with a ``Gap``. It ends when ``stop()`` is true, which is asked every ``wait`` seconds, and
    raises what redis-py raises: go on with the last ``id`` then. ``client``: redis-py, with a socket time limit above ``wait``.
    """
    if not SERVICE.match(service):
        raise ValueError("%r is no service's name" % (service,))
    if client is None or prefix is None:
        from . import conf

        prefix = prefix or conf.get("PREFIX")
        client = client or conf.patient(wait + 5)
    key = "%s:v1:%s:@changes" % (prefix, service)
    last, newest, is_lost = None, START, True
    if after is not None:
        found = _entries(client.execute_command("XRANGE", key, after, after))
        if found:
            (newest, last), is_lost = found[0], False
    else:
        found = _entries(client.execute_command("XREVRANGE", key, "+", "-", "COUNT", 1))
        if found:
            newest, last = found[0]
    if is_lost:
        yield Gap(newest)
    while stop is None or not stop():
        entries = _read(client, key, newest, wait)
        for newest, event in entries:
            # What is none of ours, or of a later version, is passed over.
            if event is None:
                continue
            if last is not None and not event.follows(last):
                yield Gap(newest)
            last = event
            yield event
        if not entries and _is_another(client, key, newest):
            newest, last = START, None
            yield Gap(newest)


def _read(client, key, newest, wait):
    """The entries behind ``newest``, waited for; ``execute_command``, as the oldest redis-py has no method for each."""
    begun = time.time()
    answer = client.execute_command(
        "XREAD", "COUNT", COUNT, "BLOCK", max(1, int(wait * 1000)), "STREAMS", key, newest
    )
    if not answer:
        # Where a server answers at once, nobody shall spin.
        time.sleep(max(0.0, min(0.05, wait - (time.time() - begun))))
        return []
    pairs = answer.items() if isinstance(answer, dict) else answer
    return [entry for _, entries in pairs for entry in _entries(entries)]


def _is_another(client, key, newest):
    """Whether the stream ends before what was read last: it was removed, or Redis lost it."""
    found = _entries(client.execute_command("XREVRANGE", key, "+", "-", "COUNT", 1))
    return _numbers(found[0][0] if found else START) < _numbers(newest)


def _numbers(entry):
    return tuple(int(part) for part in entry.split("-"))


def _entries(answer):
    """``[(id, Event or None)]``; redis-py answers in pairs, or as it parses what it knows."""
    if isinstance(answer, dict):
        answer = list(answer.items())
    found = []
    for entry, fields in answer or ():
        if fields is None:
            continue
        if not isinstance(fields, dict):
            fields = dict(zip(fields[::2], fields[1::2]))
        found.append((_text(entry), _event(_text(entry), fields.get(b"event", fields.get("event")))))
    return found


def _event(entry, raw):
    try:
        value = json.loads(_text(raw))
        return Event(entry, value) if value["schema"] == SCHEMA else None
    except (TypeError, ValueError, KeyError, AttributeError):
        return None


def _text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
