"""Reads keys: one round trip a page, a short time limit, never an error. It must not know Django."""

import logging
import threading
import time
from datetime import datetime, timezone

from .contract import (
    OBJECT_ID,
    SERVICE,
    Descriptor,
    Envelope,
    Refused,
    descriptor_key,
    index_key,
    object_key,
)

log = logging.getLogger("ralph_ext_tabs")

# Values beyond this are not parsed: no page is worth it.
MAX_VALUE = 8 * 1024 * 1024
# Services of one Redis that are read; more of them is no index of ours.
MAX_SERVICES = 256


class Entry:
    """An envelope and the descriptor of the service that wrote it."""

    def __init__(self, service, envelope, descriptor):
        self.service = service
        self.envelope = envelope
        self.descriptor = descriptor


class Page:
    """What extensions say of one object. ``problem`` is a text where they could not be asked."""

    def __init__(self, object_id, entries=(), problem=None, now=None):
        self.object_id = object_id
        self.entries = list(entries)
        self.problem = problem
        self.now = now or datetime.now(timezone.utc)


class Reader:
    """Reads from the client that ``connect()`` makes (redis-py, answers as bytes).

    ``rest``: seconds for which Redis is left alone after a failure. ``index_for``: seconds for which the list of services is
    taken for what it is.
    """

    def __init__(self, connect, prefix="ralphext", rest=5.0, index_for=30.0, clock=time.monotonic):
        self._connect = connect
        self._prefix = prefix
        self._rest = rest
        self._index_for = index_for
        self._clock = clock
        self._lock = threading.Lock()
        self._client = None
        self._resting_until = None
        self._services = None
        self._looked_at = None

    def page(self, object_id, services=None):
        """Everything about ``object_id``; of ``services`` only, where given, in their order."""
        object_id = str(object_id)
        if not OBJECT_ID.match(object_id):
            return Page(object_id)
        found, problem = self._guarded(lambda client: self._page(client, object_id, services))
        return Page(object_id, found or (), problem)

    def many(self, service, object_ids):
        """``{object_id: Entry}`` of one service, by one ``MGET``."""
        ids = list(dict.fromkeys(i for i in (str(i) for i in object_ids) if OBJECT_ID.match(i)))
        if not ids or not SERVICE.match(service):
            return {}
        found, _ = self._guarded(lambda client: self._many(client, service, ids))
        return found or {}

    def services(self):
        """The names of all services, as the index has them."""
        found, _ = self._guarded(self._index)
        return list(found or ())

    def _page(self, client, object_id, services):
        if services is None:
            names, is_fresh = self._known_services(client)
        else:
            names, is_fresh = [name for name in services if SERVICE.match(name)], True
        if not names and is_fresh:
            return []
        pipe = client.pipeline(transaction=False)
        keys = [object_key(self._prefix, name, object_id) for name in names]
        keys += [descriptor_key(self._prefix, name) for name in names]
        if keys:
            pipe.mget(keys)
        if not is_fresh:
            pipe.zrange(index_key(self._prefix), 0, MAX_SERVICES - 1)
        answers = pipe.execute()
        if not is_fresh:
            # It rides along, and counts from the next page on.
            self._learn(answers.pop())
        values = answers[0] if answers else []
        pairs = zip(names, values[: len(names)], values[len(names) :])
        entries = (self._entry(name, object_id, raw, Descriptor(name, about)) for name, raw, about in pairs)
        return [entry for entry in entries if entry is not None]

    def _many(self, client, service, ids):
        keys = [descriptor_key(self._prefix, service)] + [object_key(self._prefix, service, i) for i in ids]
        values = client.mget(keys)
        descriptor = Descriptor(service, values[0])
        entries = ((i, self._entry(service, i, raw, descriptor)) for i, raw in zip(ids, values[1:]))
        return {i: entry for i, entry in entries if entry is not None}

    def _entry(self, service, object_id, raw, descriptor):
        if raw is None:
            return None
        key = object_key(self._prefix, service, object_id)
        if len(raw) > MAX_VALUE:
            log.warning("%s is not shown: it has %d bytes", key, len(raw))
            return None
        try:
            return Entry(service, Envelope(raw, object_id), descriptor)
        except Refused as e:
            log.warning("%s is not shown: %s", key, e)
            return None

    def _known_services(self, client):
        """Names, and whether they need no look at the index."""
        if self._services is None:
            self._index(client)
            return self._services, True
        return self._services, self._clock() - self._looked_at < self._index_for

    def _index(self, client):
        self._learn(client.zrange(index_key(self._prefix), 0, MAX_SERVICES - 1))
        return self._services

    def _learn(self, members):
        names = (m.decode("utf-8", "replace") if isinstance(m, bytes) else str(m) for m in members)
        self._services = sorted(name for name in names if SERVICE.match(name))
        self._looked_at = self._clock()

    def _guarded(self, ask):
        """What ``ask`` answers, or none and why. After a failure nobody asks for a while."""
        with self._lock:
            if self._resting_until is not None and self._clock() < self._resting_until:
                return None, "Redis did not answer a moment ago"
        try:
            if self._client is None:
                self._client = self._connect()
            answer = ask(self._client)
        # Whatever it is, the page has to be shown: a library's errors are not all of one class.
        except Exception as e:  # noqa: B902
            with self._lock:
                was_well = self._resting_until is None
                self._resting_until = self._clock() + self._rest
            (log.warning if was_well else log.debug)("no content of extensions: %s: %s", type(e).__name__, e)
            return None, "Redis does not answer"
        with self._lock:
            self._resting_until = None
        return answer, None
