"""An immutable mapping that shares what did not change: it behaves as a dictionary that is copied each time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry_tool.live.layers import Layers

KEYS = st.integers(0, 300)
CHANGES = st.lists(
    st.tuples(st.dictionaries(KEYS, st.integers(0, 9), max_size=90), st.lists(KEYS, max_size=90)),
    max_size=8,
)


@given(st.dictionaries(KEYS, st.integers(0, 9)), CHANGES)
def test_it_is_a_dictionary(
    first: dict[int, int], changes: list[tuple[dict[int, int], list[int]]]
) -> None:
    model, layers = dict(first), Layers(dict(first))
    states = [(model, layers)]
    for puts, gone in changes:
        model = {
            key: value for key, value in model.items() if key not in gone or key in puts
        } | puts
        layers = layers.after(puts, gone)
        states.append((model, layers))
    for plain, found in states:  # the former ones too: none has changed
        assert dict(found.items()) == plain
        assert len(found) == len(plain)
        assert all((key in found) == (key in plain) for key in range(301))
        assert all(found.get(key) == plain.get(key) for key in range(301))


def test_nothing_changed_is_the_same_mapping() -> None:
    layers = Layers({1: 1})
    assert layers.after({}, [2]) is layers
