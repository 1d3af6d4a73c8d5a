"""CDNOW: the facts in print, and lifetimes as the oracle."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import customervalue as cv
from customervalue.numerics.compress import find_grid
from customervalue.units import DAYS


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    spec = importlib.util.find_spec("lifetimes")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "datasets" / "CDNOW_sample.txt"
    names = ["master", "customer_id", "date", "cds", "value"]
    frame = pd.read_csv(path, sep=r"\s+", names=names, dtype={"customer_id": str, "date": str})
    return frame.assign(date=pd.to_datetime(frame["date"], format="%Y%m%d"))


def lifetimes_summary(frame: pd.DataFrame, **arguments: Any) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is archived, and uses what pandas has deprecated
        from lifetimes.utils import summary_data_from_transaction_data

        return summary_data_from_transaction_data(
            frame, "customer_id", "date", monetary_value_col="value", freq="D", **arguments
        )


def test_facts_in_print(cdnow: pd.DataFrame) -> None:
    # Fader & Hardie (2005), "A Note on Deriving the BG/NBD Model": 2,357 customers; the sum of x over 39 weeks.
    customers = cv.summarize(cdnow, value="value", observation_end="1997-09-30")
    assert len(cdnow) == 6919
    assert len(customers) == 2357
    assert customers.frequency.sum() == 2457
    # The first customer of the spreadsheet: x = 2, t_x = 30.43, T = 38.86, mean spend 22.35.
    assert customers.frequency[0] == 2
    assert customers.recency[0] == 213 / 7
    assert customers.T[0] == 272 / 7
    assert customers.monetary_value is not None
    assert customers.monetary_value[0] == pytest.approx(22.345, rel=1e-14)


@pytest.mark.parametrize("end", ["1997-09-30", None])
@pytest.mark.parametrize("include_first", [False, True])
def test_lifetimes_agrees(cdnow: pd.DataFrame, end: str | None, include_first: bool) -> None:
    theirs = lifetimes_summary(cdnow, observation_period_end=end, include_first_transaction=include_first)
    ours = cv.summarize(cdnow, value="value", observation_end=end, include_first=include_first)
    assert list(theirs.index) == list(ours.customer_id)
    # With the first transaction, lifetimes counts it in the frequency too.
    np.testing.assert_array_equal(theirs["frequency"] - include_first, ours.frequency)
    np.testing.assert_array_equal(theirs["recency"] / 7.0, ours.recency)
    np.testing.assert_array_equal(theirs["T"] / 7.0, ours.T)
    np.testing.assert_allclose(theirs["monetary_value"], ours.monetary_value, rtol=1e-12)


@pytest.mark.parametrize("unit", ["D", "W", "M", "Y"])
def test_the_summary_compresses_on_a_day_grid(cdnow: pd.DataFrame, unit: str) -> None:
    customers = cv.summarize(cdnow, time_unit=unit)  # type: ignore[arg-type]
    assert len(customers.unique) < len(customers)


@pytest.mark.parametrize("unit", ["D", "W", "M"])
def test_the_summary_compresses_on_an_hour_grid(cdnow: pd.DataFrame, unit: str) -> None:
    log = cdnow.assign(date=cdnow["date"] + pd.to_timedelta(np.arange(len(cdnow)) % 24, "h"))
    customers = cv.summarize(log, time_unit=unit, grain="h")  # type: ignore[arg-type]
    ticks = DAYS[unit] * 24
    assert find_grid([customers.T, customers.recency], [ticks]) == ticks
