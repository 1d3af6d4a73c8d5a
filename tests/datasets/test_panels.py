"""The scanner panels have the published sizes, and come in any frame."""

from __future__ import annotations

import narwhals.stable.v2 as nw
import numpy as np
import pytest

import customervalue as cv

# Households and purchases as counted by their source, Jain, Vilcassim & Chintagunta (1994), JBES 12(3), 317-328.
PANELS = {
    "catsup": (cv.datasets.load_catsup, 300, 2798, ["heinz28", "heinz32", "heinz41", "hunts32"]),
    "yogurt": (cv.datasets.load_yogurt, 100, 2412, ["dannon", "hiland", "weight", "yoplait"]),
}


@pytest.mark.parametrize("name", PANELS)
def test_households_and_purchases(name: str) -> None:
    load, households, purchases, brands = PANELS[name]
    panel = load()
    assert list(panel) == ["household", *brands]
    np.testing.assert_array_equal(panel["household"], np.arange(1, households + 1))
    assert sum(int(panel[brand].sum()) for brand in brands) == purchases
    assert all(np.sum([panel[brand] for brand in brands], axis=0) > 0)


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("name", PANELS)
def test_frames_hold_the_same(name: str, backend: str) -> None:
    load = PANELS[name][0]
    frame = nw.from_native(load(backend), eager_only=True)
    for column, values in load().items():
        np.testing.assert_array_equal(frame[column].to_numpy(), values)


def test_unknown_backend_names_the_choices() -> None:
    with pytest.raises(cv.errors.InvalidInputError, match="`backend` must be one of pandas, polars, pyarrow"):
        cv.datasets.load_catsup("Pandas")  # type: ignore[call-overload]
