"""Volume dials: what bad input gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import customervalue as cv
from customervalue.errors import ConvergenceError, InvalidInputError
from customervalue.estimation.priors import LogNormal
from customervalue.retention import volume_dial, volume_dials

PRIOR = {"common_ratio": 0.8, "concentration": 6.0}
WINDOWS = {"reference": ("1997-04-01", "1997-09-30"), "recent": ("1997-10-01", "1998-03-31")}


def test_every_problem_of_the_columns_is_reported_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        volume_dial(
            [3, -1, 2.5], [1, 0, 2], exposure_reference=[1.0, -2.0, 0.0], exposure_recent=[1.0, 0.0, 2.0],
            spend_reference=[1.0, 2.0, -3.0], factor=1.0, level=2, confidence=0.4, common_ratio=1.0,
        )  # fmt: skip
    text = str(caught.value)
    assert "(3 rows)" in text
    for rule in (
        r"`factor` must be finite and above 1, and is 1",
        r"`level` must lie between 0 and 1",
        r"`confidence` must lie between 0.5 and 1",
        r"`common_ratio` and `concentration` must be given both, or neither",
        r"`reference` must not be negative: 1 row breaks this (first: row 1, reference=-1)",
        r"`reference` must be whole: 1 row breaks this (first: row 2, reference=2.5)",
        r"`exposure_reference` must not be negative: 1 row breaks this (first: row 1",
        r"there must be exposure where there are purchases: 1 row breaks this (first: row 2",
        r"`exposure_recent` must be positive: 1 row breaks this (first: row 1, exposure_recent=0)",
        r"`spend_reference` and `spend_recent` must be given both, or neither",
        r"`spend_reference` must not be negative: 1 row breaks this (first: row 2",
    ):
        assert rule in text
    assert len(caught.value.problems) == 11


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recent": [1, 2, 3]}, "all columns must have the same length, and have reference 2, recent 3"),
        ({"exposure_reference": [1.0] * 4}, "all columns must have the same length"),
        ({"reference": [1, np.nan]}, "`reference` must be a finite number"),
        ({"reference": [[1, 2]]}, "`reference` must be one-dimensional"),
        ({"reference": ["a", "b"]}, "`reference` must hold numbers"),
        ({"reference": [], "recent": []}, "there must be at least one customer"),
        ({"ever_customer": [1, 2]}, "`ever_customer` must be True or False, or 1 or 0: 1 row breaks this"),
        ({"exposure_reference": 0}, "`exposure_reference` must be positive for someone"),
        ({"exposure_recent": -1}, "`exposure_recent` must be positive"),
        (
            {"common_ratio": -1.0, "concentration": "x"},
            "(?s)`common_ratio` must be positive.*`concentration` must be a",
        ),
        ({"factor": "much"}, "`factor` must be a number"),
        ({"prior": {"ratio": LogNormal(1, 1)}}, "there is no parameter 'ratio'"),
    ],
)
def test_bad_columns(change: dict[str, Any], message: str) -> None:
    arguments = {"reference": [3, 4], "recent": [1, 9], "exposure_reference": 1.0, "exposure_recent": 1.0} | change
    with pytest.raises(InvalidInputError, match=message):
        volume_dial(**arguments)


@pytest.mark.parametrize(
    ("reference", "recent", "message"),
    [
        ([3, 4], [0, 0], "nobody of the 2 customers of the reference window bought in the recent window"),
        ([0, 0], [3, 1], "bought in the reference window"),
        ([1, 0], [0, 1], "nobody bought more than once"),
    ],
)
def test_counts_without_a_maximum(reference: Any, recent: Any, message: str) -> None:
    with pytest.raises(ConvergenceError, match=message):
        volume_dial(reference, recent, exposure_reference=1.0, exposure_recent=1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"recent": ("1998-03-01", "1998-08-01")},
            "`recent` must not end after the observation, which ends with 1998-06",
        ),
        ({"recent": ("1997-09-30", "1998-03-31")}, "the windows overlap"),
        ({"recent": ("1998-03-31", "1998-03-01")}, "`recent` must begin before it ends"),
        ({"recent": "1998"}, "`recent` must be two dates or a length of time"),
        ({"recent": ("1998-03-01", "soon")}, "`recent` must be an ISO date, and is 'soon'"),
        ({"recent": 0.05}, "`recent` must be a length of time > 0 in whole grains"),
        ({"reference": -3}, "`reference` must be a length of time > 0"),
        ({"date": "day"}, "there is no column 'day'"),
        ({"time_unit": "Q"}, "`time_unit` must be one of"),
        ({"factor": 0.5}, "`factor` must be finite and above 1"),
        ({"recent": ("1996-03-01", "1996-04-01"), "reference": 4}, "there must be a transaction up to the end"),
    ],
)
def test_bad_windows(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        volume_dials(cv.datasets.load_cdnow(), **({"observation_end": "1998-06-30", **WINDOWS} | change))


def test_both_windows_are_checked_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        volume_dials(
            cv.datasets.load_cdnow(), recent=("1998-03-01", "1999-01-01"), reference=("1997-01-01", "1998-04-01")
        )
    assert [problem.argument for problem in caught.value.problems] == ["recent", "reference"]
    assert "say with `observation_end` how far the log reaches" in str(caught.value)


def test_refunds_that_outweigh_a_window_are_said() -> None:
    day = np.datetime64("2024-01-01")
    log = {"customer_id": [1, 1, 1], "date": day + np.array([0, 10, 40]), "value": [9.0, 5.0, -5.0]}
    with pytest.raises(InvalidInputError, match="`spend_recent` must not be negative: 1 row breaks this"):
        volume_dials(log, value="value", on_negative="net", time_unit="D", recent=10, reference=30, **PRIOR)
