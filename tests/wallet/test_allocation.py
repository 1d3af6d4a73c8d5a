"""The Wallet Allocation Rule: its table, ties, a loop in plain Python, scores and gains, and bad input."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue.datasets import load_catsup
from customervalue.errors import InvalidInputError
from customervalue.wallet import allocation_gain, allocation_score, wallet_allocation

NAN = float("nan")
RULE = Path(__file__).parents[1] / "reference" / "wallet_allocation_rule.csv"
RATINGS = st.integers(1, 5).flatmap(
    lambda brands: st.lists(
        st.lists(st.none() | st.integers(0, 5), min_size=brands, max_size=brands).filter(
            lambda row: any(r is not None for r in row)
        ),
        min_size=1,
        max_size=8,
    )
)


def by_hand(ratings: list[Any]) -> list[Fraction]:
    """Shares of the brands of one customer, in fractions; ties have the mean of their places."""
    used = sorted((r for r in ratings if r is not None), reverse=True)
    n, shares = len(used), []
    for rating in ratings:
        places = [place for place, other in enumerate(used, start=1) if other == rating]
        rank = Fraction(sum(places), len(places)) if places else None
        shares.append(Fraction(0) if rank is None else (1 - rank / (n + 1)) * Fraction(2, n))
    return shares


# ---- published


def test_the_table_of_the_rule() -> None:
    # Keiningham, Aksoy, Buoye & Cooil (2011), Harvard Business Review 89(10).
    with RULE.open(encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    brands, rank = [int(row["brands"]) for row in rows], [int(row["rank"]) for row in rows]
    expected = [float(row["wallet_share"]) for row in rows]
    assert wallet_allocation(rank, brands) == pytest.approx(expected, abs=1e-10)
    for r, b, share in zip(rank, brands, expected, strict=True):
        assert wallet_allocation(r, b) == pytest.approx(share, abs=1e-10)
    for b in range(1, 6):
        whole = [share for share, n in zip(expected, brands, strict=True) if n == b]
        assert wallet_allocation(list(range(1, b + 1))) == pytest.approx(whole, abs=1e-10)


# ---- ties


@pytest.mark.parametrize("ranks", [[1, 2, 2, 4], [1, 2, 2, 3], [1, 2.5, 2.5, 4], [1, 3, 3, 4]])
def test_ties_however_they_are_written(ranks: list[float]) -> None:
    assert wallet_allocation(ranks) == pytest.approx([0.4, 0.25, 0.25, 0.1])


def test_one_brand_of_each_customer_is_not_all_brands_of_one() -> None:
    ours = [1, 2, 2]  # three customers who use three brands each
    assert wallet_allocation(ours, 3) == pytest.approx([1 / 2, 1 / 3, 1 / 3])
    assert wallet_allocation(ours) == pytest.approx([1 / 2, 1 / 4, 1 / 4])


def test_numbers_and_columns_go_together() -> None:
    assert wallet_allocation(1, [2, 3]) == pytest.approx([2 / 3, 1 / 2])
    assert wallet_allocation([1, 2.5], 4) == pytest.approx([0.4, 0.25])
    assert np.ndim(wallet_allocation(1, 2)) == 0
    assert wallet_allocation([[1, 2], [2, 1]], 2).shape == (2, 2)


def test_brands_that_are_not_used_get_nothing() -> None:
    frame = pd.DataFrame({"a": [1, 2, None], "b": [2, None, None], "c": [3, 1, 1]})
    expected = [[1 / 2, 1 / 3, 1 / 6], [1 / 3, 0, 2 / 3], [0, 0, 1]]
    assert wallet_allocation(frame) == pytest.approx(np.array(expected))
    assert wallet_allocation([[1, None], [1, 2]]) == pytest.approx(np.array([[1, 0], [2 / 3, 1 / 3]]))
    assert allocation_score(frame).brands == ("a", "b", "c")
    masked = np.ma.masked_equal([[1, -1], [1, 2]], -1)
    assert wallet_allocation(masked) == pytest.approx(np.array([[1, 0], [2 / 3, 1 / 3]]))


def test_brands_are_chosen_by_name() -> None:
    frame = pd.DataFrame({"id": range(101, 112), "c": [3] * 11, "a": [1] * 11, "b": [2] * 11})
    expected = np.tile([1 / 2, 1 / 3, 1 / 6], (11, 1))
    for table in (frame, frame.to_dict("list")):
        assert wallet_allocation(table, names=["a", "b", "c"]) == pytest.approx(expected)
        assert allocation_gain(table, names=["a", "b", "c"])[0] == pytest.approx([0, 1 / 6, 1 / 6])
        score = allocation_score(table, names=["a", "b", "c"])
        assert score.brands == ("a", "b", "c")
        assert score.mean_rank.tolist() == [1, 2, 3]
        for call in (wallet_allocation, allocation_gain, allocation_score):
            with pytest.raises(InvalidInputError, match=r"column 'id' looks like a number of.*\n.*with `names`"):
                call(table)
    with pytest.raises(InvalidInputError, match="there are 2 brands and 1 names"):
        wallet_allocation([[1, 2]], names=["a"])


def test_the_missing_values_of_any_library() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [2, None]}).convert_dtypes()
    expected = np.array([[2 / 3, 1 / 3], [1, 0]])
    frame.loc[1, "a"] = 1
    assert wallet_allocation(frame) == pytest.approx(expected)
    assert wallet_allocation(frame.to_numpy()) == pytest.approx(expected)
    assert wallet_allocation([[1, 2], [1, pd.NA]]) == pytest.approx(expected)
    with pytest.raises(InvalidInputError, match=r"`rank` must be a finite number: 1 row .*row 1"):
        wallet_allocation(pd.array([1, None], dtype="Int64"), 2)


def test_ties_written_as_the_worst_place() -> None:
    assert wallet_allocation([1, 3, 3, 4]).tolist() == wallet_allocation([1, 2, 2, 4]).tolist()
    assert "1 customer\n" in repr(allocation_score([[1, 2]]))


# ---- oracle and properties


@settings(max_examples=50)
@given(RATINGS)
def test_ratings_against_a_loop(ratings: list[list[Any]]) -> None:
    shares = wallet_allocation(ratings, of="ratings")
    expected = np.array([[float(share) for share in by_hand(row)] for row in ratings])
    assert shares == pytest.approx(expected, abs=1e-15)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert np.all((shares >= 0) & (shares <= 1))


@settings(max_examples=25)
@given(RATINGS)
def test_ratings_on_another_scale_allocate_alike(ratings: list[list[Any]]) -> None:
    table = np.array(ratings, dtype=float)
    assert np.array_equal(
        wallet_allocation(table, of="ratings"), wallet_allocation(np.exp(3 * table) - 7, of="ratings")
    )


def test_a_rank_up_adds_the_gain() -> None:
    assert allocation_gain(1, 1) == 0
    for brands in range(2, 7):
        rank = np.arange(2, brands + 1)
        better, present = wallet_allocation(rank - 1, brands), wallet_allocation(rank, brands)
        assert allocation_gain(rank, brands) == pytest.approx(better - present)
        assert allocation_gain(1, brands) == 0
    assert allocation_gain(1.5, 2) == pytest.approx(1 / 6)
    assert allocation_gain([[1, 2, NAN], [2, 1, 3]]) == pytest.approx(np.array([[0, 1 / 3, 0], [1 / 6, 0, 1 / 6]]))


# ---- scores


def test_scores_are_means_over_users() -> None:
    ranks = np.array([[1, 2, 3], [2, 1, NAN], [1, NAN, NAN], [2.5, 1, 2.5]])
    score = allocation_score(ranks, names=["a", "b", "c"])
    shares, used = wallet_allocation(ranks), ~np.isnan(ranks)
    for place in range(3):
        assert score.score[place] == pytest.approx(shares[used[:, place], place].mean())
        assert score.gain[place] == pytest.approx(allocation_gain(ranks)[used[:, place], place].mean())
        assert score.mean_rank[place] == pytest.approx(ranks[used[:, place], place].mean())
    assert score.users.tolist() == [4, 3, 2]
    assert score.score @ score.penetration == pytest.approx(1)
    assert json.loads(json.dumps(score.to_dict()))["brands"] == ["a", "b", "c"]
    assert score.to_frame("polars")["users"].to_list() == [4, 3, 2]


@settings(max_examples=25)
@given(RATINGS, st.randoms(use_true_random=False))
def test_weights_stand_for_identical_customers(ratings: list[list[Any]], random: Any) -> None:
    weights = [random.randint(1, 3) for _ in ratings]
    long = [row for row, weight in zip(ratings, weights, strict=True) for _ in range(weight)]
    if any(all(row[place] is None for row in ratings) for place in range(len(ratings[0]))):
        with pytest.raises(InvalidInputError, match="nobody uses"):
            allocation_score(ratings, of="ratings", weights=weights)
        return
    grouped, each = allocation_score(ratings, of="ratings", weights=weights), allocation_score(long, of="ratings")
    for measure in ("users", "penetration", "mean_rank", "score", "gain"):
        assert getattr(grouped, measure) == pytest.approx(getattr(each, measure), abs=1e-12)


def test_score_of_one_brand() -> None:
    score = allocation_score([1, 1, 2, 3], brands=[2, 4, 2, 4])
    assert score.brands == ("own",)
    assert score.score.tolist() == pytest.approx([(2 / 3 + 0.4 + 1 / 3 + 0.2) / 4])
    assert score.penetration.tolist() == [1]


def test_the_rule_on_a_panel_given_the_true_ranks() -> None:
    # Not a proof of the rule: ranks made of the purchases themselves are the best that a survey could find out.
    panel = load_catsup()
    counts = np.column_stack([panel[name] for name in ("heinz28", "heinz32", "heinz41", "hunts32")]).astype(float)
    used = counts > 0
    allocated = wallet_allocation(np.where(used, counts, NAN), of="ratings")
    actual = counts / counts.sum(axis=1, keepdims=True)
    assert np.corrcoef(allocated[used], actual[used])[0, 1] > 0.9
    assert np.abs(allocated - actual)[used].mean() < np.abs(actual - used / used.sum(axis=1)[:, None])[used].mean()


def test_nothing_is_changed_and_results_are_read_only() -> None:
    ranks = np.array([[1, 2, 2], [1, NAN, 2]])
    before = ranks.copy()
    score = allocation_score(ranks)
    assert np.array_equal(ranks, before, equal_nan=True)
    with pytest.raises(ValueError, match="read-only"):
        score.score[0] = 1


# ---- bad input


@pytest.mark.parametrize(
    ("rank", "brands", "message"),
    [
        ([1, 0, 5], 4, r"`rank` must be within 1 to `brands`: 2 rows break this \(first: row 1, rank=0, brands=4\)"),
        ([1, 2.3], 4, "`rank` must be a multiple of 1/2: 1 row breaks this"),
        ([1, NAN, NAN], 4, "`rank` must be a finite number: 2 rows break this"),
        ([1, None], 4, "`rank` must be a finite number: 1 row"),
        (["1"], 4, "`rank` must hold numbers"),
        ([1, 1], [2, 0], "`brands` must be 1 or more: 1 row"),
        ([1, 1], [2, 2.5], "`brands` must be whole: 1 row"),
        ([1, 1], 2.5, "`brands` must be whole: 2 rows"),
        ([1, 1], [2, 2, 2], "same length, and have rank 2, brands 3"),
        (1, None, "`brands` is needed with a single rank"),
        ([[1, 2, 3], [0, 1, 2], [1, 2, 4]], None, "within 1 to the number of brands that the customer uses: 2 rows"),
        ([[1, 2, 4, NAN]], None, "within 1 to the number of brands .* rank=4, brands=3"),
        ([[1, 2, 3], [1, 2.2, 3]], None, "multiple of 1/2: 1 row breaks this"),
        ([[2, 3, 3], [1, 1, 3]], None, r"must not skip a place: 1 row breaks this \(first: row 0, ranks=2, 3, 3\)"),
        ([2, 2.5, NAN, 2.5], None, "must not skip a place: 1 row .*ranks=2, 2.5, -, 2.5"),
        ([[NAN, NAN], [1, 2]], None, r"must use at least one brand: 1 row breaks this \(first: row 0\)"),
        ([[1, 2], [1]], None, "`rank` must be a table, one row per customer, and is ragged"),
        ([["a", "b"]], None, "`rank` must hold numbers"),
        ([[1, np.inf]], None, "`rank` must be a finite number"),
        ([[1, 2], [1, NAN]], 2, "`brands` must be the number of brands that the customer ranks: 1 row"),
        ([[1, 2]], [2, 2], "same length"),
        ([], None, "at least one customer and one brand"),
    ],
)
def test_bad_ranks(rank: Any, brands: Any, message: str) -> None:
    for call in (wallet_allocation, allocation_gain, allocation_score):
        with pytest.raises(InvalidInputError, match=message):
            call(rank, brands)


def test_bad_ratings_names_and_weights() -> None:
    with pytest.raises(InvalidInputError, match="a rating of one brand says nothing"):
        wallet_allocation([7, 8], 3, of="ratings")
    with pytest.raises(InvalidInputError, match="`of` must be 'ranks' or 'ratings', and is 'stars'"):
        wallet_allocation([[7, 8]], of="stars")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="nobody uses brand 2"):
        allocation_score([[1, NAN], [1, NAN]])
    with pytest.raises(InvalidInputError, match="there are 2 brands and 1 names"):
        allocation_score([[1, 2]], names=["a"])
    with pytest.raises(InvalidInputError, match="`weights` must not be negative"):
        allocation_score([[1, 2]], weights=[-1])
    with pytest.raises(InvalidInputError, match="nobody uses brand 1, brand 2"):
        allocation_score([[1, 2]], weights=[0])
    with pytest.raises(InvalidInputError, match="same length"):
        allocation_score([[1, 2]], weights=[1, 1])


def test_every_problem_of_a_table_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        wallet_allocation([[2, 3, 3], [1, 2.3, 3], [0, 5, 1], [NAN] * 3])
    assert [p.count for p in caught.value.problems] == [1, 1, 1, 1]
