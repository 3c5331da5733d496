"""Answers that are compressed where ``Accept-Encoding`` asks for it (RFC 9110, 12.5.3)."""

import gzip
from typing import Literal

import brotli

Coding = Literal["br", "gzip"]
LEAST_BYTES = 512  # below it nothing is won
_PREFERRED: tuple[Coding, ...] = ("br", "gzip")
_BROTLI_QUALITY, _GZIP_LEVEL = 4, 5  # what a level more wins costs more than it saves


def coding_of(accept_encoding: str) -> Coding | None:
    """The one that is wanted most; of those that are wanted alike, the smaller. None: none is."""
    weights = dict(_weight(each) for each in accept_encoding.lower().split(",") if each.strip())
    anything = weights.get("*", 0.0)
    wanted = {each: weights.get(each, anything) for each in _PREFERRED}
    best = max(_PREFERRED, key=lambda each: wanted[each])
    return best if wanted[best] > 0 else None


def _weight(text: str) -> tuple[str, float]:
    name, _, weight = text.partition(";")
    try:
        return name.strip(), float(weight.strip().removeprefix("q=") or 1)
    except ValueError:
        return name.strip(), 0.0


def compressed(body: bytes, coding: Coding | None) -> tuple[bytes, dict[str, str]]:
    """With the headers that say so."""
    headers = {"vary": "Accept-Encoding"}
    if coding is None or len(body) < LEAST_BYTES:
        return body, headers
    if coding == "br":
        body = brotli.compress(body, quality=_BROTLI_QUALITY)
    else:
        body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
    return body, {**headers, "content-encoding": coding}
