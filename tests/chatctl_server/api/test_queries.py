"""The query of a join, most of which are read without ``parse_qs``."""

from urllib.parse import parse_qs

from hypothesis import example, given
from hypothesis import strategies as st

from chatctl_server import errors
from chatctl_server.api.rooms.identity import _query

PLAIN = st.text("abc09-_.~:&=", max_size=30)


def by_parse_qs(query: str) -> dict[str, str]:
    found = parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=100)
    return {name: values[0] for name, values in found.items()}


@given(st.one_of(PLAIN, st.text("abc&=%2F+; é", max_size=30)))
@example("user_id=anna&nickname=Anna&since=0")
@example("a=1&a=2")
@example("a=b=c")
@example("a=1\n")
@example("&".join(f"a{number}={number}" for number in range(20)))
def test_the_first_value_of_each_name(query: str) -> None:
    try:
        found = _query(query.encode("latin-1"))
    except errors.ChatctlError:
        assert not query.isascii() or "%" in query
    else:
        assert found == by_parse_qs(query)
