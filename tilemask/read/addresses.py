"""Addresses of stores, and how they may be shown.

Users and tokens in a URL are secrets: they are needed to open it, and have no place in a message, a log or the record
of a run. Libraries quote addresses in their errors, so those texts are cleaned too.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How TIFF and BigTIFF files begin."""


def is_url(source: str) -> bool:
    """Whether this is an address for fsspec instead of a path."""
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)", source))


def without_secrets(address: str) -> str:
    """A URL without user, password, query and fragment; a path as it is."""
    if not is_url(address):
        return address
    chained = address.split("::")
    parts = urlsplit(chained[-1])
    host = parts.netloc.rpartition("@")[2]
    return "::".join([*chained[:-1], f"{parts.scheme}://{host}{parts.path}"])


def without_secrets_in(text: object) -> str:
    """The text of an error without the users and queries of the URLs in it."""
    return re.sub(r"(://)[^/\s'\"]*@", r"\1", re.sub(r"(://[^\s'\"?#]*)[?#][^\s'\")]*", r"\1", str(text)))
