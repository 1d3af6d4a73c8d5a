"""Summaries of categories: published examples, a loop in plain Python, the identity for any table, and bad input."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from customervalue.datasets import load_catsup, load_yogurt
from customervalue.errors import InvalidInputError
from customervalue.wallet import NBDDirichlet, category_summary, share_of_wallet

PANELS = {
    "catsup": (load_catsup, ("heinz28", "heinz32", "heinz41", "hunts32")),
    "yogurt": (load_yogurt, ("dannon", "hiland", "weight", "yoplait")),
}
MEASURES = (
    "market_share",
    "penetration",
    "relative_penetration",
    "purchases_per_buyer",
    "category_purchases_per_brand_buyer",
    "share_of_requirements",
    "mean_share",
    "usage_index",
    "sole_buyers",
)
TABLES = st.tuples(st.integers(1, 12), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.just(0.0) | st.integers(0, 9) | st.floats(0.01, 1e4))
)


def panel(name: str) -> tuple[Any, tuple[str, ...]]:
    load, brands = PANELS[name]
    columns = load()
    return np.column_stack([columns[brand] for brand in brands]), brands


def by_hand(own: Any, category: Any, weights: Any) -> dict[str, Fraction]:
    """The measures of one brand, customer by customer, in fractions."""
    rows = [tuple(map(Fraction, row)) for row in zip(own, category, weights, strict=True)]
    everybody = sum(w for _, _, w in rows)
    in_category = sum(w for _, c, w in rows if c > 0)
    volume = sum(w * c for _, c, w in rows)
    ours = [(x, c, w) for x, c, w in rows if x > 0]
    buyers, sales = sum(w for _, _, w in ours), sum(w * x for x, _, w in ours)
    needs = sum(w * c for _, c, w in ours)
    return {
        "market_share": sales / volume,
        "penetration": buyers / everybody,
        "relative_penetration": buyers / in_category,
        "purchases_per_buyer": sales / buyers,
        "category_purchases_per_brand_buyer": needs / buyers,
        "share_of_requirements": sales / needs,
        "mean_share": sum(w * x / c for x, c, w in ours) / buyers,
        "usage_index": (needs / buyers) / (volume / in_category),
        "sole_buyers": sum(w for x, c, w in ours if x == c) / buyers,
    }


# ---- published


def test_share_of_requirements_of_aloeha() -> None:
    # Farris, Bendle, Pfeifer & Reibstein (2010), section 2.5: 1,000,000 of the 2,000,000 bottles bought by its buyers.
    summary = category_summary([600_000, 400_000, 0], [600_000, 1_400_000, 3_000_000])
    assert summary.share_of_requirements == 0.5


def test_heavy_usage_of_shower_fun() -> None:
    # The same, section 2.6: its buyers use 6 bottles of shampoo a year, all users 4, an index of 1.5.
    assert category_summary([5, 0, 1, 0], [7, 2, 5, 2]).usage_index == 1.5


# ---- oracle


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize("weighted", [False, True])
def test_against_a_loop(name: str, weighted: bool) -> None:
    counts, brands = panel(name)
    weights = np.random.default_rng(1).gamma(2, 1, len(counts)).round(3) if weighted else np.ones(len(counts))
    summary = category_summary(counts, weights=weights if weighted else None, brands=brands)
    for place, brand in enumerate(brands):
        expected = by_hand(counts[:, place].tolist(), counts.sum(axis=1).tolist(), weights.tolist())
        for measure in MEASURES:
            assert getattr(summary, measure)[place] == pytest.approx(float(expected[measure]), rel=1e-12)
            assert getattr(summary[brand], measure) == getattr(summary, measure)[place]


def test_money_in_a_population_with_people_who_do_not_buy() -> None:
    rng = np.random.default_rng(2)
    category = rng.gamma(1, 40, 200) * (rng.random(200) < 0.6)
    own = category * rng.beta(0.5, 1, 200) * (rng.random(200) < 0.5)
    summary = category_summary(own, category)
    expected = by_hand(own.tolist(), category.tolist(), [1] * 200)
    for measure in MEASURES:
        assert getattr(summary, measure) == pytest.approx(float(expected[measure]), rel=1e-12)
    assert summary.category_penetration == np.mean(category > 0) < 1
    assert summary.category_purchases_per_buyer == pytest.approx(category[category > 0].mean())


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_dataframe_brings_its_names(library: Any) -> None:
    counts, brands = panel("yogurt")
    frame = load_yogurt(library)
    frame = frame.drop_columns(["household"]) if library == "pyarrow" else frame[list(brands)]
    summary = category_summary(frame)
    assert summary.brands == brands
    assert summary.market_share.tolist() == category_summary(counts).market_share.tolist()


def test_one_brand_is_the_column_of_a_table() -> None:
    counts, brands = panel("yogurt")
    many, one = category_summary(counts, brands=brands), category_summary(counts[:, 1], counts.sum(axis=1))
    for measure in MEASURES:
        assert getattr(many, measure).shape == (4,)
        assert np.ndim(getattr(one, measure)) == 0
        assert float(getattr(one, measure)) == getattr(many, measure)[1]


def test_share_of_requirements_is_the_mean_share_weighted_by_purchases() -> None:
    counts, _ = panel("yogurt")
    category = counts.sum(axis=1)
    summary = category_summary(counts)
    for place in range(4):
        buys = counts[:, place] > 0
        shares = share_of_wallet(counts[buys, place], category[buys])
        assert summary.share_of_requirements[place] == pytest.approx(np.average(shares, weights=category[buys]))
        assert summary.mean_share[place] == pytest.approx(shares.mean())


# ---- properties


@settings(max_examples=50)
@given(TABLES, st.floats(1e-2, 1e2))
def test_the_identity_holds_for_any_table(table: Any, rate: float) -> None:
    assume(np.all(table.sum(axis=0) > 0))
    summary = category_summary(table)
    parts = summary.identity()
    assert parts.product == pytest.approx(summary.market_share, rel=1e-12)
    product = summary.relative_penetration * summary.share_of_requirements * summary.usage_index
    assert parts.product.tolist() == product.tolist()
    assert summary.market_share.sum() == pytest.approx(1)
    for measure in ("penetration", "share_of_requirements", "mean_share", "sole_buyers"):
        assert np.all((getattr(summary, measure) >= 0) & (getattr(summary, measure) <= 1 + 1e-15))
    scaled = category_summary(rate * table)
    for measure in set(MEASURES) - {"purchases_per_buyer", "category_purchases_per_brand_buyer", "sole_buyers"}:
        assert getattr(scaled, measure) == pytest.approx(getattr(summary, measure), rel=1e-9)


@settings(max_examples=25)
@given(TABLES, st.randoms(use_true_random=False))
def test_weights_stand_for_identical_customers_in_any_order(table: Any, random: Any) -> None:
    assume(np.all(table.sum(axis=0) > 0))
    weights = [random.randint(1, 4) for _ in table]
    rows = [row for row, weight in zip(table, weights, strict=True) for _ in range(weight)]
    random.shuffle(rows)
    grouped, long = category_summary(table, weights=weights), category_summary(np.array(rows))
    for measure in MEASURES:
        assert getattr(grouped, measure) == pytest.approx(getattr(long, measure), rel=1e-12)
    assert grouped.distribution().buyers.tolist() == long.distribution().buyers.tolist()
    assert grouped.quantile([0.25, 0.5, 1]).tolist() == long.quantile([0.25, 0.5, 1]).tolist()


def test_customers_outside_the_category_change_penetrations_only() -> None:
    counts, _ = panel("catsup")
    buyers, everybody = category_summary(counts), category_summary(np.vstack([counts, np.zeros((100, 4))]))
    assert everybody.penetration == pytest.approx(buyers.penetration * 300 / 400)
    assert everybody.category_penetration == 300 / 400
    for measure in set(MEASURES) - {"penetration"}:
        assert getattr(everybody, measure).tolist() == getattr(buyers, measure).tolist()


# ---- how the buyers spread


def test_classes_of_shares() -> None:
    own, category = [3, 1, 1, 2, 0, 6], [10, 10, 1, 4, 7, 20]  # .3, .1, 1, .5, none, .3
    found = category_summary(own, category).distribution()
    assert found.buyers.tolist() == [0, 1, 0, 2, 0, 1, 0, 0, 0, 1]
    assert found.fraction == pytest.approx(found.buyers / 5)
    assert found.edges.tolist() == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]


def test_classes_of_many_brands_against_numpy() -> None:
    counts, brands = panel("catsup")
    found = category_summary(counts, brands=brands).distribution([0, 0.2, 0.5, 1])
    for place in range(4):
        buys = counts[:, place] > 0
        shares = counts[buys, place] / counts[buys].sum(axis=1)
        assert found.buyers[place].tolist() == np.histogram(shares, [0, 0.2, 0.5, 1])[0].tolist()
    assert found.fraction.sum(axis=1) == pytest.approx(1)
    assert list(found.to_frame()) == ["from", "to", *brands]


def test_quantiles_against_numpy() -> None:
    counts, _ = panel("yogurt")
    summary, q = category_summary(counts), [0, 0.1, 0.5, 0.75, 0.9, 1]
    for place in range(4):
        buys = counts[:, place] > 0
        shares = counts[buys, place] / counts[buys].sum(axis=1)
        assert summary.quantile(q)[:, place].tolist() == np.quantile(shares, q, method="inverted_cdf").tolist()
    assert summary.quantile(0.5).tolist() == summary.quantile(q)[2].tolist()
    assert category_summary([1, 2], [2, 2]).quantile(0.5) == 0.5


# ---- results


def test_results_are_read_only_and_leave_the_input_alone() -> None:
    counts, brands = panel("catsup")
    before = counts.copy()
    summary = category_summary(counts, brands=brands)
    assert np.array_equal(counts, before)
    with pytest.raises(ValueError, match="read-only"):
        summary.market_share[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        summary.distribution().buyers[0] = 1
    assert pickle.loads(pickle.dumps(summary)).quantile(0.5).tolist() == summary.quantile(0.5).tolist()


def test_results_go_through_json_and_into_frames() -> None:
    counts, brands = panel("catsup")
    summary = category_summary(counts, brands=brands)
    told = json.loads(json.dumps(summary.to_dict()))
    assert told["brands"] == list(brands)
    assert told["share_of_requirements"] == summary.share_of_requirements.tolist()
    assert "_purchases" not in told
    assert isinstance(summary["heinz32"].to_dict()["market_share"], float)
    assert summary.to_frame("polars")["brand"].to_list() == list(brands)
    assert "heinz41" in repr(summary)
    assert "300 customers: 100.0% buy" in repr(summary)
    assert "<table>" in summary["heinz41"].identity()._repr_html_()


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"own": [1, 2]}, "`category` is needed for one brand"),
        ({"own": [1, 5], "category": [2, 4]}, r"`own` must not exceed `category`: 1 row breaks this \(first: row 1"),
        ({"own": [[1, 1], [0, 3]], "category": [2, 2]}, r"exceed `category`: 1 row .*own=3, category=2"),
        ({"own": [[1, 0], [2, 0]], "brands": ["a", "b"]}, "nobody buys b"),
        ({"own": [0, 0], "category": [1, 1]}, "nobody buys own"),
        ({"own": [[1, 0], [0, 2]], "weights": [1, 0]}, "nobody buys brand 2"),
        ({"own": [1, -1], "category": [1, 1]}, "`own` must not be negative"),
        ({"own": [[1, np.nan]]}, r"`own` must be a finite number: 1 row breaks this \(first: row 0, column 1"),
        ({"own": [[1, 2], [3]]}, "is ragged"),
        ({"own": [[[1]]]}, "`own` must be a table"),
        ({"own": [1, 2], "category": [1]}, "same length"),
        ({"own": [1, 2], "category": [1, 2], "weights": [1, -1]}, "`weights` must not be negative"),
        ({"own": [1, 2], "category": [1, 2], "weights": [0, 0]}, "`weights` must not all be 0"),
        ({"own": [[1, 2]], "brands": ["a"]}, "there are 2 brands and 1 names"),
        ({"own": [[1, 2]], "brands": ["a", "a"]}, "must not name two brands alike"),
        ({"own": [], "category": []}, "at least one customer"),
    ],
)
def test_bad_input(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        category_summary(**arguments)


def test_every_problem_at_once() -> None:
    with pytest.raises(InvalidInputError, match="3 problems in the category"):
        category_summary([1, -1], [np.nan, 1], weights=[-1, 1])


def test_unknown_brands_and_bad_classes() -> None:
    summary = category_summary([1, 2], [4, 4])
    with pytest.raises(InvalidInputError, match="there is no brand 'theirs'"):
        summary["theirs"]
    for edges in ([0, 0.5, 0.5], [0.5], [0, 2], [[0, 1]], "abc"):
        with pytest.raises(InvalidInputError, match="`edges` must be"):
            summary.distribution(edges)
    with pytest.raises(InvalidInputError, match="no buyer of own has a share within `edges`"):
        summary.distribution([0.9, 1])
    with pytest.raises(InvalidInputError, match="`q` must be between 0 and 1"):
        summary.quantile(1.5)


# ---- tables with names


def test_brands_are_chosen_by_name() -> None:
    frame = pd.DataFrame({"c": [9, 9], "a": [1, 0], "b": [2, 1]})
    expected = category_summary(frame[["a", "b", "c"]].to_numpy(), brands=["a", "b", "c"])
    for table in (frame, frame.to_dict("list"), pl.from_pandas(frame)):
        found = category_summary(table, brands=["a", "b", "c"])
        assert found["a"].market_share == pytest.approx(1 / 22)
        assert found.market_share.tolist() == expected.market_share.tolist()
    assert category_summary(frame).brands == ("c", "a", "b")
    assert category_summary(frame, [12, 10], brands="a")["a"].market_share == pytest.approx(1 / 22)
    with pytest.raises(InvalidInputError, match=r"there is no column 'd'.*\n.*The columns are 'c', 'a', 'b'"):
        category_summary(frame, brands=["a", "d"])
    with pytest.raises(InvalidInputError, match="`category` is needed for one brand"):
        category_summary(frame, brands=["a"])


@pytest.mark.parametrize("library", [None, "pandas", "polars", "pyarrow"])
def test_the_number_of_the_household_is_no_brand(library: Any) -> None:
    table = load_yogurt() if library is None else load_yogurt(library)
    with pytest.raises(InvalidInputError, match=r"column 'household' looks like a number of.*\n.*with `brands`"):
        category_summary(table)
    with pytest.raises(InvalidInputError, match="'household' looks like a number of the customer"):
        NBDDirichlet.fit(table)
    counts, brands = panel("yogurt")
    expected = category_summary(counts).market_share
    assert category_summary(table, brands=brands).market_share.tolist() == expected.tolist()


def test_columns_of_text_are_named() -> None:
    with pytest.raises(InvalidInputError, match="column 'who' must hold numbers, and holds text or dates"):
        category_summary({"who": ["Ann", "Bob"], "ours": [1, 2], "theirs": [0, 1]})
    with pytest.raises(InvalidInputError, match="same length, and have ours 2, theirs 1"):
        category_summary({"ours": [1, 2], "theirs": [0]})


def test_brands_together_do_not_exceed_the_category() -> None:
    message = r"add up to more than `category`: 1 row breaks this \(first: row 0, sum=4, category=3\)"
    with pytest.raises(InvalidInputError, match=message):
        category_summary([[2, 2], [2, 0]], [3, 2])
    cents = np.array([[0.1, 0.2], [0.3, 0.0]])
    assert category_summary(cents, [0.3, 0.3]).market_share.sum() == pytest.approx(1)


def test_a_table_without_columns_and_one_customer() -> None:
    with pytest.raises(InvalidInputError, match="at least one brand, and there is none"):
        category_summary(np.zeros((3, 0)))
    assert "Category of 1 customer:" in repr(category_summary([1], [2]))


def test_what_the_model_calls_observed_is_this_summary() -> None:
    counts, brands = panel("catsup")
    weights = np.random.default_rng(1).uniform(0.5, 1.5, len(counts))
    summary = category_summary(counts, weights=weights, brands=brands)
    seen = NBDDirichlet(M=13, K=2, alpha=(0.1, 0.2, 0.1, 0.1), brands=brands).compare(counts, weights=weights).observed
    assert seen.brands == summary.brands
    shared = ("market_share", "penetration", "purchases_per_buyer", "category_purchases_per_brand_buyer")
    for measure in (*shared, "share_of_requirements", "sole_buyers"):
        assert getattr(seen, measure).tolist() == getattr(summary, measure).tolist()
    assert seen.category_purchases_per_buyer == summary.category_purchases_per_buyer
