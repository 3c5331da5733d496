"""Uploaded files: how they are named, and what their first bytes say that they are."""

import re
from typing import NamedTuple

UNTYPED = "application/octet-stream"
UNSHOWN = "\N{REPLACEMENT CHARACTER}"
MAX_NAME_CHARACTERS = 255
HEAD_BYTES = 512  # of a file, that its type is told from
_EXTENSION = re.compile(r"[A-Za-z0-9_-]{1,10}")
_PARTS = re.compile(
    r"/files/(0|[1-9][0-9]{0,17})/([0-9a-f]{3})/([0-9a-f]{3})/([0-9a-f]{58})\.([A-Za-z0-9_-]{1,10})"
)
_OF_CONVERSATION = re.compile(
    r"/files/c/(conv_[0-9a-z]{26})/([0-9a-f]{3})/([0-9a-f]{3})/([0-9a-f]{58})\.([A-Za-z0-9_-]{1,10})"
)


class FileName(NamedTuple):
    """``hash``: the SHA-256 of the content in hexadecimal. Two files of one workspace and hash
    differ in the extension alone."""

    workspace: int
    hash: str
    extension: str

    @property
    def path(self) -> str:
        """Below the directory of all files."""
        first, second, rest = self.hash[:3], self.hash[3:6], self.hash[6:]
        return f"{self.workspace}/{first}/{second}/{rest}.{self.extension}"

    @property
    def url(self) -> str:
        return f"/files/{self.path}"

    def conversation_url(self, conversation_id: str) -> str:
        """As the desk's clients know it."""
        return f"/files/c/{conversation_id}/{self.path.partition('/')[2]}"


class Checked(NamedTuple):
    """How many files of a workspace there were; of these ``removed`` are gone, as nothing referred
    to them, and ``damaged`` are missing or not what their name says."""

    scanned: int
    removed: int
    damaged: int


def of_url(url: str) -> FileName | None:
    """None for what is not the address of a file, or not as this server writes it."""
    found = _PARTS.fullmatch(url)
    if found is None:
        return None
    workspace, first, second, rest, extension = found.groups()
    return FileName(int(workspace), first + second + rest, extension)


def of_conversation_url(url: str, conversation_id: str) -> tuple[str, str] | None:
    """Hash and extension; None for what is no address of a file of that conversation."""
    found = _OF_CONVERSATION.fullmatch(url)
    if found is None or found[1] != conversation_id:
        return None
    return found[2] + found[3] + found[4], found[5]


def extension_of(client_name: str) -> str:
    """All that is read of what the client calls its file."""
    _, dot, extension = client_name.rpartition(".")
    return extension if dot and _EXTENSION.fullmatch(extension) else "bin"


def shown_name(client_name: str) -> str:
    """What the client calls its file, for people: without what cannot be seen, or would turn the
    rest around. ``client_name`` is as the header of a form has it, each byte a character."""
    name = client_name.encode("latin-1", "replace").decode(errors="replace")
    visible = "".join(each if each.isprintable() else UNSHOWN for each in name)
    return visible.strip()[:MAX_NAME_CHARACTERS] or "file"


def media_type(head: bytes) -> str:
    """One of those that a browser may show; what it does not know for sure is untyped (MIME
    Sniffing Standard, 6). Nothing that can hold a script is among them."""
    for begin, found in _BEGINS:
        if head.startswith(begin):
            return found
    container = _CONTAINERS.get(head[:4])
    if container is not None:
        return container(head)
    return _iso_media(head) if head[4:8] == b"ftyp" else UNTYPED


def is_shown(media_type: str) -> bool:
    """In its place in a page; anything else is saved."""
    return media_type != UNTYPED


_BEGINS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS\0", "audio/ogg"),
)


def _riff(head: bytes) -> str:
    kinds = {b"WEBPVP": "image/webp", b"WAVEfm": "audio/wav"}
    return kinds.get(head[8:14], UNTYPED)


def _matroska(head: bytes) -> str:
    return "video/webm" if b"\x42\x82" in head[:64] and b"webm" in head[:64] else UNTYPED


def _iso_media(head: bytes) -> str:
    """ISO base media: the major brand."""
    brand = head[8:12]
    if brand in (b"avif", b"avis"):
        return "image/avif"
    if brand in (b"M4A ", b"M4B "):
        return "audio/mp4"
    known = brand.startswith((b"mp4", b"iso", b"avc", b"dash")) or brand in (b"M4V ", b"MSNV")
    return "video/mp4" if known else UNTYPED


_CONTAINERS = {b"RIFF": _riff, b"\x1a\x45\xdf\xa3": _matroska}
