"""Volume dials from two summaries of one log: the same as from the log itself."""

from __future__ import annotations

import numpy as np
import pytest

import customervalue as cv
from customervalue import CustomerSummary, retention
from customervalue.errors import InvalidInputError

LOG = cv.datasets.load_cdnow()


def looked_at(day: str, **options: object) -> CustomerSummary:
    return cv.summarize(LOG, value="value", observation_end=day, **options)  # type: ignore[arg-type]


def test_two_summaries_say_what_the_log_says() -> None:
    found = retention.volume_dial_between(looked_at("1997-09-30"), looked_at("1998-06-30"), factor=1.5)
    windows = {"reference": ("1997-01-01", "1997-09-30"), "recent": ("1997-10-01", "1998-06-30")}
    expected = retention.volume_dials(LOG, value="value", observation_end="1998-06-30", factor=1.5, **windows)
    mine, theirs = found.to_frame(), expected.to_frame()
    for name in mine:
        if np.issubdtype(np.asarray(mine[name]).dtype, np.number):
            np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-8, atol=1e-8, err_msg=name)
        else:
            assert list(mine[name]) == list(theirs[name]), name


def test_customers_of_the_second_summary_alone_are_new() -> None:
    before = CustomerSummary([3, 2], [5, 8], [10, 10], customer_id=["b", "a"])
    after = CustomerSummary([1, 2, 4], [3, 8, 15], [5, 20, 20], customer_id=["c", "a", "b"])
    found = retention.volume_dial_between(before, after, common_ratio=1.0, concentration=10.0)
    assert found.to_frame()["customer_id"].tolist() == ["c", "a", "b"]
    assert found.to_frame()["label"][0] == "new"


def test_summaries_that_do_not_match_are_refused_with_every_problem() -> None:
    before = CustomerSummary([3, 2, 1], [5, 8, 2], [10, 10, 10], customer_id=["b", "a", "z"])
    after = CustomerSummary([1, 2], [3, 8], [20, 20], customer_id=["a", "b"])
    with pytest.raises(
        InvalidInputError, match=r"(?s)2 problems.*every customer of `before` .*1 row .*later look: .*2 rows"
    ):
        retention.volume_dial_between(before, after)
    nameless = CustomerSummary([1], [3], [20])
    with pytest.raises(InvalidInputError, match="needs a `customer_id`"):
        retention.volume_dial_between(nameless, after)
    with pytest.raises(InvalidInputError, match="time unit"):
        retention.volume_dial_between(before, looked_at("1998-06-30", time_unit="D"))
    with pytest.raises(InvalidInputError, match="must be a CustomerSummary"):
        retention.volume_dial_between({}, after)  # type: ignore[arg-type]
