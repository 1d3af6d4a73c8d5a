"""Needs met and not met: worked by hand, a naive second implementation, properties, and bad input."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from customervalue.errors import InvalidInputError
from customervalue.tiers import needs_met

few = settings(max_examples=25)
logs = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=60)


def table(rows: Any) -> dict[str, Any]:
    return dict(zip(("customer_id", "category", "value"), map(list, zip(*rows, strict=True)), strict=True))


def naive(rows: Any, k: int, support: int, strength: float, *, money: bool) -> dict[int, list[tuple[Any, ...]]]:
    """Sets and loops: customer -> (category, because, probability, support, customers behind it, value)."""
    baskets: dict[int, set[int]] = {}
    for who, what, _ in rows:
        baskets.setdefault(who, set()).add(what)
    n, kinds = len(baskets), sorted({what for _, what, _ in rows})
    buyers = {j: sum(j in basket for basket in baskets.values()) for j in kinds}
    spend = {j: sum(v for _, what, v in rows if what == j) / buyers[j] for j in kinds}
    result = {}
    for who, basket in sorted(baskets.items()):
        found = []
        for j in set(kinds) - basket:
            best: tuple[Any, ...] | None = None
            for i in sorted(basket):
                both = sum(i in other and j in other for other in baskets.values())
                chance = (both + strength * buyers[j] / n) / (buyers[i] + strength)
                if both >= support and chance > buyers[j] / n and (best is None or chance > best[2]):
                    best = (j, i, chance, both, buyers[i], chance * spend[j])
            found += [] if best is None else [best]
        found.sort(key=lambda entry: (-entry[5 if money else 2], entry[0]))
        result[who] = found[:k]
    return result


@few
@given(logs, st.integers(1, 4), st.integers(1, 2), st.sampled_from([0.5, 3.0]), st.booleans())
def test_suggestions_are_those_of_sets_and_loops(rows: Any, k: int, support: int, strength: float, money: bool) -> None:
    met = needs_met(table(rows), value="value" if money else None, k=k, min_support=support, prior_strength=strength)
    found, expected = met.suggestions, naive(rows, k, support, strength, money=money)
    for who in met.customer.tolist():
        mine = found.customer == who
        worth = [entry[5 if money else 2] for entry in expected[who]]
        ranked = found.value if money else found.probability
        assert ranked[mine].tolist() == pytest.approx(worth)
        for j, i, chance, both, of in zip(
            found.category[mine],
            found.because[mine],
            found.probability[mine],
            found.support[mine],
            found.of[mine],
            strict=True,
        ):
            same = [entry for entry in naive(rows, 99, support, strength, money=money)[who] if entry[0] == j]
            assert (i, both, of) == (same[0][1], same[0][3], same[0][4])
            assert chance == pytest.approx(same[0][2])


@few
@given(logs)
def test_breadth_and_depth_count_the_log(rows: Any) -> None:
    met = needs_met(table(rows), value="value")
    for who, breadth, depth, purchases in zip(met.customer, met.breadth, met.depth, met.purchases, strict=True):
        own = [what for other, what, _ in rows if other == who]
        assert (breadth, purchases) == (len(set(own)), len(own))
        assert depth == pytest.approx(len(own) / len(set(own)))
    assert met.categories.purchases.sum() == met.purchases.sum() == len(rows)
    assert met.categories.buyers.sum() == met.breadth.sum()
    spend = met.categories.value_per_buyer * met.categories.buyers
    assert spend.sum() == pytest.approx(sum(v for _, _, v in rows))


@few
@given(logs, st.randoms())
def test_order_of_the_log_does_not_matter_and_nothing_is_suggested_twice(rows: Any, random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (needs_met(table(log), value="value", min_support=1) for log in (rows, shuffled))
    assert one.to_dict() == other.to_dict()
    found = one.suggestions
    pairs = list(zip(found.customer.tolist(), found.category.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert not set(pairs) & {(who, what) for who, what, _ in rows}
    assert np.all(found.lift > 1)
    assert np.all((found.low < found.probability) & (found.probability < found.high))


def test_three_teas_two_milks() -> None:
    log = table([(1, 0, 2), (1, 1, 3), (2, 0, 4), (2, 1, 5), (3, 0, 6), (4, 2, 7)])
    found = needs_met(log, value="value", min_support=2, prior_strength=2.0, level=0.9, currency="EUR")
    only = found.suggestions.to_frame()
    # Of three who buy 0 two buy 1, of four customers two: (2 + 2 * 0.5) / (3 + 2) = 0.6, and buyers of 1 spend 4.
    assert (only["customer"].tolist(), only["category"].tolist(), only["because"].tolist()) == ([3], [1], [0])
    assert only["probability"].tolist() == [0.6]
    assert only["lift"].tolist() == [1.2]
    assert only["value"].tolist() == pytest.approx([2.4])
    assert only["low"] == pytest.approx(stats.beta.ppf(0.05, 3, 2))
    assert only["high"] == pytest.approx(stats.beta.ppf(0.95, 3, 2))
    assert "of 2.40 EUR if all were taken up" in repr(found)


def test_strength_is_learned_from_the_counts() -> None:
    rng = np.random.default_rng(1)
    # Independent categories: nothing to learn from what else a customer buys.
    has = rng.random((20_000, 12)) < rng.uniform(0.05, 0.4, 12)
    who, what = np.nonzero(has)
    apart = needs_met({"customer_id": who, "category": what})
    assert apart.prior_strength > 500
    assert np.all(apart.suggestions.lift < 1.1)
    # Two kinds of customers, who buy different categories.
    kind = rng.integers(0, 2, 20_000)
    likes = np.where((np.arange(12) % 2) == kind[:, None], 0.4, 0.05)
    who, what = np.nonzero(rng.random((20_000, 12)) < likes)
    together = needs_met({"customer_id": who, "category": what})
    assert together.prior_strength < 100
    # Half of them would be right by chance.
    assert np.mean(together.suggestions.category % 2 == kind[together.suggestions.customer]) > 0.8


def test_moments_of_the_counts_are_those_of_loops() -> None:
    rng = np.random.default_rng(2)
    has = rng.random((300, 6)) < np.where(np.arange(6) % 2 == rng.integers(0, 2, (300, 1)), 0.6, 0.2)
    who, what = np.nonzero(has)
    buyers, n = has.sum(axis=0), int(has.any(axis=1).sum())
    square = luck = largest = 0.0
    for i in range(6):
        for j in range(6):
            if i != j:
                p = buyers[j] / n
                square += (np.sum(has[:, i] & has[:, j]) - buyers[i] * p) ** 2
                luck += buyers[i] * p * (1 - p)
                largest += buyers[i] * (buyers[i] - 1) * p * (1 - p)
    found = needs_met({"customer_id": who, "category": what}).prior_strength
    assert found == pytest.approx(largest / (square - luck) - 1)


def test_many_customers_are_taken_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    log = {"customer_id": rng.integers(0, 200, 900), "category": rng.integers(0, 15, 900)}
    whole = needs_met(log, min_support=2)
    monkeypatch.setattr("customervalue.tiers._needs_likeness._CELLS", 40)
    assert needs_met(log, min_support=2).to_dict() == whole.to_dict()


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_dataframes(backend: str) -> None:
    log = {
        "who": ["b", "a", "a", "c", "c", "d"],
        "what": ["tea", "tea", "milk", "tea", "milk", "nuts"],
        "paid": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    }
    library = pytest.importorskip(backend)
    frame = library.table(log) if backend == "pyarrow" else library.DataFrame(log)
    one = needs_met(frame, customer="who", category="what", value="paid", min_support=1, prior_strength=1)
    other = needs_met(log, customer="who", category="what", value="paid", min_support=1, prior_strength=1)
    assert one.to_dict() == other.to_dict()
    assert one.suggestions.customer.tolist() == ["b"]
    assert len(one.suggestions.to_frame(backend)) == 1


def test_nothing_to_suggest() -> None:
    met = needs_met({"customer_id": [1, 1, 2], "category": ["tea", "tea", "tea"]})
    assert met.suggestions.customer.size == 0
    json.dumps(met.to_dict(), allow_nan=False)
    assert "0 suggestions" in repr(met)
    with pytest.raises(ValueError, match="read-only"):
        met.breadth[0] = 9


@pytest.mark.parametrize(
    ("log", "arguments", "message"),
    [
        ({"customer_id": [1], "kind": ["a"]}, {}, "there is no column 'category'"),
        ({"customer_id": [], "category": []}, {}, "the log must have at least one row"),
        ({"customer_id": [1, 2], "category": ["a"]}, {}, "same length, and have customer_id 2, category 1"),
        ({"customer_id": [1, 2], "category": np.array(["a", None])}, {}, "`category` must not be missing: 1 row"),
        ({"customer_id": [1.0, math.nan], "category": ["a", "b"]}, {}, "`customer_id` must not be missing: 1 row"),
        ({"customer_id": [1, 2], "category": np.array(["a", 1], dtype=object)}, {}, "that can be put in order"),
        (
            {"customer_id": [1, 2], "category": ["a", "b"], "paid": [1, math.inf]},
            {"value": "paid"},
            "`paid` must be a finite number: 1 row",
        ),
        ({}, {"k": 0, "min_support": 0, "prior_strength": 0, "level": 2}, "4 problems in the arguments"),
        ({}, {"k": 1.5}, "`k` must be a whole number, 1 or more, and is 1.5"),
        ({}, {"currency": 5}, "`currency` must be a text"),
        (5, {}, "a frame must be a mapping of columns or a dataframe"),
    ],
)
def test_bad_input(log: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        needs_met(log, **arguments)
