"""Whether a request that changes something comes from a page of this server's own.

A browser sends its user's password along with what any other site's page posts. What is
no browser, such as curl, says neither header, and has no user to be deceived.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

# A browser leaves out the port that its scheme implies, a proxy may not; and the scheme
# that it sees is not the one between proxy and Orthanc.
_IMPLIED = frozenset((None, 80, 443))


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether another site's page made the browser ask; names of headers in lower case."""
    fetched = headers.get("sec-fetch-site", "")
    origin = headers.get("origin")
    if origin is None:
        return fetched == "cross-site"
    if fetched == "same-origin":  # a proxy may have replaced the Host; no page can say this
        return False
    hosts = (headers.get("host", ""), *headers.get("x-forwarded-host", "").split(","))
    own = {_place("//" + host.strip()) for host in hosts if host.strip()}
    return _place(origin) not in own


def _place(address: str) -> tuple[str, int | None] | None:
    """Host and port; None for what names none, such as the origin ``null``."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, None if port in _IMPLIED else port) if host else None
