from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from devports.config import keys
from devports.config.decode import parse
from devports.core.service import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devports.config.keys import Key


def of(keys: Mapping[str, Key], *more: str) -> st.SearchStrategy[str]:
    return st.sampled_from([*keys, *more])


LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["{port}", "'", "a", "b", "::", "SIGINT", "/x", "a\0"])
)
VALUE = LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(of(keys.READY, "x"), LEAF, max_size=3)
TABLE = st.dictionaries(of(keys.SERVICE, "prot"), VALUE, max_size=6)
SERVICES = st.dictionaries(st.sampled_from(["a", "b", "c d"]) | st.text(max_size=3), TABLE | LEAF)


@settings(max_examples=150)
@given(st.fixed_dictionaries({}, optional={"services": SERVICES | VALUE, "defaults": TABLE | LEAF}))
def test_whatever_the_file_holds_there_is_an_answer(data: dict[str, Any]):
    result = parse(data)
    if isinstance(result, Config):
        assert result.services
    else:
        assert result
        assert all(problem.text.isprintable() for problem in result)
