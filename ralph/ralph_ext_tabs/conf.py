"""This app's settings, and the one reader that is made of them. It must not know what is shown.

``RALPH_EXT_TABS`` in Django's settings is a dictionary; everything in it has a default:

* ``REDIS``: where Redis is: ``URL``, or ``HOST``, ``PORT``, ``DB``, ``USERNAME``, ``PASSWORD``, ``SSL``..., ``SOCKET``, or
  ``SENTINELS`` and ``MASTER_NAME`` (``READ_FROM``: ``master`` or ``replica``). Default: Ralph's ``REDIS_CONNECTION``.
* ``PREFIX``: the keys' first part, ``ralphext``.
* ``TIMEOUT``: seconds for each wait, 0.05.
* ``REST``: seconds for which Redis is left alone after a failure, 5.
* ``INDEX_FOR``: seconds for which the list of services is kept, 30.
* ``TABS``: ``{service: label}`` of services with a tab of their own (``migrate`` makes its permission).
* ``MODELS``: labels of the models whose pages have tabs, ``["data_center.DataCenterAsset", ...]``. Default: all with a page.
* ``HIDE``: services that are not shown.
* ``IMAGES``: hosts that HTML may show images from, ``["cdn.example.net"]``: as ``render.images`` of the sidecars.
"""

import threading

from django.conf import settings
from django.test.signals import setting_changed

from .connection import connect, options_of
from .reader import Reader

DEFAULTS = {
    "REDIS": None,
    "PREFIX": "ralphext",
    "TIMEOUT": 0.05,
    "REST": 5.0,
    "INDEX_FOR": 30.0,
    "TABS": {},
    "MODELS": None,
    "HIDE": (),
    "IMAGES": (),
}

_lock = threading.Lock()
_reader = None


def get(name):
    """One setting, or its default."""
    return getattr(settings, "RALPH_EXT_TABS", {}).get(name, DEFAULTS[name])


def _options():
    ralph = getattr(settings, "REDIS_CONNECTION", None)
    return options_of(get("REDIS"), ralph, getattr(settings, "REDIS_CLUSTER_NAME", None))


def patient(timeout):
    """A client that waits so many seconds, for a process of its own; no page may wait so long."""
    return connect(_options(), timeout)


def reader():
    """The reader of this process."""
    global _reader
    with _lock:
        if _reader is None:
            options = _options()
            timeout = get("TIMEOUT")
            _reader = Reader(
                lambda: connect(options, timeout), prefix=get("PREFIX"), rest=get("REST"), index_for=get("INDEX_FOR")
            )
        return _reader


def _changed(setting, **_):
    global _reader
    if setting in ("RALPH_EXT_TABS", "REDIS_CONNECTION"):
        _reader = None


setting_changed.connect(_changed)
