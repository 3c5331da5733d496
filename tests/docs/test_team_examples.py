"""The examples in docs/team.md run, in their order, against a server that starts empty.

``ANNA`` stands there for the access token that Anna had last, and ``ANNA-REFRESH`` for her refresh
token.
"""

import json
import re
from pathlib import Path

import exchanges
from documents import Examples, blocks
from world import KEY, running

DOCUMENT = "docs/team.md"


def test_the_examples_run(tmp_path: Path) -> None:
    examples, tokens = Examples(), dict[str, str]()
    with running(tmp_path) as server:
        for block in blocks(DOCUMENT):
            if block.language == "http":
                text = _with_real(block.text, tokens)
                key = {"X-Api-Key": KEY} if " /management/" in text else {}
                found = exchanges.run(server, examples, block._replace(text=text), key)
                tokens |= _tokens(found)
    assert tokens


def _with_real(text: str, tokens: dict[str, str]) -> str:
    return re.sub(r"\b[A-Z]+(-REFRESH)?\b", lambda it: tokens.get(it[0], it[0]), text)


def _tokens(content: str) -> dict[str, str]:
    """Those that an answer hands out."""
    found = json.loads(content or "null")
    if not isinstance(found, dict) or "refresh_token" not in found:
        return {}
    name = found["user"]["fullname"].upper()
    return {name: found["token"], f"{name}-REFRESH": found["refresh_token"]}
