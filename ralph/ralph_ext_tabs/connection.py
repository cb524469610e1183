"""A client of Redis with limits of its own, from this app's settings or from Ralph's. It must not know what is read."""

import inspect
from urllib.parse import urlsplit


def options_of(settings, ralph=None, cluster_name=None):
    """``settings`` (this app's ``REDIS``) over Ralph's ``REDIS_CONNECTION``: where Redis is, not how patient Ralph is."""
    options = {}
    for name in ("HOST", "PORT", "DB", "PASSWORD", "SENTINELS"):
        if ralph and name in ralph:
            options[name] = ralph[name]
    if cluster_name:
        options["MASTER_NAME"] = cluster_name
    options.update(settings or {})
    return options


def connect(options, timeout):
    """A client for ``options``; nothing is asked yet. ``timeout`` in seconds, for each wait."""
    import redis

    common = {
        "db": options.get("DB") or 0,
        "password": options.get("PASSWORD"),
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
    }
    if options.get("USERNAME"):
        common["username"] = options["USERNAME"]
    # Newer libraries ask again by themselves, and so wait for a multiple of the limit.
    if "retry" in inspect.signature(redis.Redis.__init__).parameters:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        common["retry"] = Retry(NoBackoff(), 0)
    if options.get("SENTINELS"):
        return _from_sentinels(redis, options, common, timeout)
    if options.get("URL"):
        # What the URL says of the database, user and password counts.
        url = options["URL"]
        parts = urlsplit(url)
        if parts.path.strip("/") and parts.scheme != "unix" or "db=" in parts.query:
            common.pop("db")
        if parts.password or common["password"] is None:
            common.pop("password")
        return redis.StrictRedis.from_url(url, **common)
    if options.get("SOCKET"):
        return redis.StrictRedis(unix_socket_path=options["SOCKET"], **common)
    for name, key in (("SSL", "ssl"), ("SSL_CA_CERTS", "ssl_ca_certs"), ("SSL_CERTFILE", "ssl_certfile")):
        if options.get(name):
            common[key] = options[name]
    if options.get("SSL_KEYFILE"):
        common["ssl_keyfile"] = options["SSL_KEYFILE"]
    return redis.StrictRedis(host=options.get("HOST", "localhost"), port=options.get("PORT", 6379), **common)


def _from_sentinels(redis, options, common, timeout):
    from redis.sentinel import Sentinel

    hosts = [tuple(host) for host in options["SENTINELS"]]
    own = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    if options.get("SENTINEL_PASSWORD"):
        own["password"] = options["SENTINEL_PASSWORD"]
    if "retry" in common:
        own["retry"] = common["retry"]
    sentinel = Sentinel(hosts, sentinel_kwargs=own, **common)
    name = options.get("MASTER_NAME", "mymaster")
    return sentinel.slave_for(name) if options.get("READ_FROM") == "replica" else sentinel.master_for(name)
