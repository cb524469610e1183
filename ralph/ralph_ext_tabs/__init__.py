"""Tabs of extensions on the pages of Ralph's objects, read from the keys that ralphext keeps.

What an application needs is here: ``page(object_id)``, ``many(service, object_ids)`` and ``object_id(instance)``. They never
raise for anything that Redis does or holds.
"""

__version__ = "0.1.0"

# Django before 3.2 asks for it.
default_app_config = "ralph_ext_tabs.apps.ExtensionTabs"


def page(object_id, services=None):
    """All that extensions say of one object: a ``reader.Page``. One round trip to Redis."""
    from .conf import reader

    return reader().page(object_id, services)


def many(service, object_ids):
    """What one extension says of many objects: ``{object_id: reader.Entry}``, without those it says nothing of. One ``MGET``."""
    from .conf import reader

    return reader().many(service, object_ids)


def object_id(instance):
    """The id of a model's instance in the keys: the primary key, or ``app_label.model.pk`` outside of Ralph's base objects."""
    from .ids import object_id as of

    return of(instance)
