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


class Odd:
    """A missing value like pandas.NA: whether it differs from anything cannot be said."""

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError

    __hash__ = None  # type: ignore[assignment]


def table(rows: Any) -> dict[str, Any]:
    return dict(zip(("customer_id", "category", "value"), map(list, zip(*rows, strict=True)), strict=True))


def naive(rows: Any, k: int, support: int, strength: float, *, money: bool, most: int) -> dict[int, list[Any]]:
    """Sets and loops: customer -> (category, because, probability, support, customers behind it, value, expected)."""
    baskets: dict[int, set[int]] = {}
    for who, what, _ in rows:
        baskets.setdefault(who, set()).add(what)
    kinds = sorted({what for _, what, _ in rows})
    buyers = {j: sum(j in basket for basket in baskets.values()) for j in kinds}
    spend = {j: sum(v for _, what, v in rows if what == j) / buyers[j] for j in kinds}

    def usual(j: int, beside: int) -> float:
        alike = [j in basket for basket in baskets.values() if min(len(basket - {j}), most) == beside]
        return sum(alike) / len(alike)

    result = {}
    for who, basket in sorted(baskets.items()):
        found = []
        for j in set(kinds) - basket:
            best: tuple[Any, ...] | None = None
            for i in sorted(basket):
                like_him = [other for other in baskets.values() if i in other]
                both = sum(j in other for other in like_him)
                expected = sum(usual(j, min(len(other - {j}), most)) for other in like_him) / buyers[i]
                share = (both + strength * expected) / (buyers[i] + strength)
                if both < support or share * (1 - expected) <= (1 + 1e-9) * (1 - share) * expected:
                    continue
                ratio = share * (1 - expected) / (1 - share) / expected
                if best is None or ratio > best[0] * (1 + 1e-12):
                    best = (ratio, i, both)
            own = usual(j, min(len(basket), most))
            if best is not None and own > 0:
                odds = best[0] * own / (1 - own)
                chance = odds / (1 + odds)
                found.append((j, best[1], chance, best[2], buyers[best[1]], chance * spend[j], own))
        found.sort(key=lambda entry: (-entry[5 if money else 2], entry[0]))
        result[who] = found[:k]
    return result


@few
@given(logs, st.integers(1, 4), st.integers(1, 2), st.sampled_from([0.5, 3.0]), st.booleans())
def test_suggestions_are_those_of_sets_and_loops(rows: Any, k: int, support: int, strength: float, money: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Breadths that two customers have or exceed are looked at by themselves.
        patch.setattr("customervalue.tiers._needs_likeness._ENOUGH", 2)
        met = needs_met(
            table(rows), value="value" if money else None, k=k, min_support=support, prior_strength=strength
        )
    most = max([b for b in range(1, 7) if np.count_nonzero(met.breadth >= b) >= 2], default=1)
    found = met.suggestions
    expected, every = (naive(rows, few, support, strength, money=money, most=most) for few in (k, 99))
    for who in met.customer.tolist():
        mine = found.customer == who
        worth = [entry[5 if money else 2] for entry in expected[who]]
        ranked = found.value if money else found.probability
        assert ranked[mine].tolist() == pytest.approx(worth)
        names = ("category", "because", "probability", "support", "of", "expected")
        for j, i, chance, both, of, own in zip(*(getattr(found, name)[mine] for name in names), strict=True):
            same = next(entry for entry in every[who] if entry[0] == j)
            assert (i, both, of) == (same[1], same[3], same[4])
            assert (chance, own) == pytest.approx((same[2], same[6]))


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


def shop(rng: np.random.Generator, activity: Any, kinds: int = 1) -> tuple[Any, Any]:
    """Purchases of 12 categories in two periods of equal length, of 10,000 customers of some kinds."""
    kind = rng.integers(0, kinds, 10_000)
    likes = rng.gamma(1.0, 1.0, 12) if kinds == 1 else np.where(np.arange(12) % kinds == kind[:, None], 1.0, 0.1)
    return rng.poisson(activity[:, None] * likes, (2, 10_000, 12)), kind


def bought(counts: Any) -> dict[str, Any]:
    return dict(zip(("customer_id", "category"), np.nonzero(counts), strict=True))


def realised_lift(found: Any, now: Any, later: Any, breadths: Any = range(1, 13)) -> float:
    """Purchases of what was suggested, over those of all customers of the same breadth who did not have it either."""
    breadth, came, expected = now.sum(axis=1), 0.0, 0.0
    for b in breadths:
        for j in range(12):
            asked = found.customer[(found.category == j) & (breadth[found.customer] == b)]
            alike = (breadth == b) & ~now[:, j]
            if asked.size:
                came += later[asked, j].sum()
                expected += asked.size * later[alike, j].mean()
    return came / expected


@pytest.mark.parametrize("shape", [0.5, 2.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_customers_who_buy_more_of_everything_have_no_needs_in_common(shape: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    (now, later), _ = shop(rng, rng.gamma(shape, 1 / shape, 10_000))
    met = needs_met(bought(now))
    found = met.suggestions
    assert met.prior_strength > 5000
    assert np.all((found.lift > 1) & (found.lift < 1.03))
    assert np.mean(found.low > found.expected) < 0.01
    assert realised_lift(found, now > 0, later > 0) == pytest.approx(1, abs=0.03)
    assert realised_lift(found, now > 0, later > 0, [1]) == pytest.approx(1, abs=0.1)
    # Without breadth, buyers of one category are far more likely to buy another.
    has = now > 0
    both, buyers = has.T.astype(float) @ has, has.sum(axis=0)
    plain = (both * met.customer.size / np.outer(buyers, buyers))[~np.eye(12, dtype=bool)]
    assert plain.min() > 1
    assert plain.mean() > 1.1


@pytest.mark.parametrize("seed", [1, 2])
def test_needs_in_common_are_found_among_customers_of_different_activity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    (now, later), kind = shop(rng, rng.gamma(0.5, 2.0, 10_000), kinds=2)
    met = needs_met(bought(now))
    found = met.suggestions
    assert met.prior_strength < 100
    # Half of them would be right by chance. Of who buys more, few categories of his kind are left to suggest.
    narrow = met.breadth[np.searchsorted(met.customer, found.customer)] <= 3
    assert np.mean((found.category % 2 == kind[found.customer])[narrow]) > 0.8
    assert realised_lift(found, now > 0, later > 0) > 1.2
    assert np.mean(found.low > found.expected) > 0.9


def test_moments_of_the_counts_are_those_of_loops() -> None:
    rng = np.random.default_rng(2)
    has = rng.random((300, 6)) < np.where(np.arange(6) % 2 == rng.integers(0, 2, (300, 1)), 0.6, 0.2)
    has = has[has.any(axis=1)]
    breadth = has.sum(axis=1)
    most = max(b for b in range(1, 7) if np.count_nonzero(breadth >= b) >= 30)
    beside = np.minimum(breadth[:, None] - has, most)
    chance = np.array([[has[beside[:, j] == beside[u, j], j].mean() for j in range(6)] for u in range(len(has))])
    square = luck = largest = 0.0
    for i in range(6):
        for j in range(6):
            if i != j:
                p = chance[has[:, i], j]
                square += (np.sum(has[:, i] & has[:, j]) - p.sum()) ** 2
                luck += np.sum(p * (1 - p))
                largest += (p.size - 1) * np.sum(p * (1 - p))
    found = needs_met(bought(has)).prior_strength
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


@pytest.mark.parametrize("column", ["customer_id", "category"])
def test_missing_values_of_pandas_are_refused(column: str) -> None:
    pandas = pytest.importorskip("pandas")
    for kind in ("string", "object"):
        log = pandas.DataFrame({"customer_id": ["x", "y"], "category": ["a", "b"]})
        log[column] = pandas.Series(["a", pandas.NA], dtype=kind)
        with pytest.raises(InvalidInputError, match=f"`{column}` must not be missing: 1 row"):
            needs_met(log)


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
        ({"customer_id": [1, 2], "category": np.array(["NaT", "2020-01-01"], "M8[D]")}, {}, "missing: 1 row .*row 0"),
        ({"customer_id": [1, 2], "category": np.array(["a", Odd()], dtype=object)}, {}, "missing: 1 row .*row 1"),
        ({}, {"customer": "category"}, "must be two columns, and both are 'category'"),
        ({}, {"k": True}, "`k` must be a whole number, 1 or more, and is True"),
        ({}, {"k": 1.5}, "`k` must be a whole number, 1 or more, and is 1.5"),
        ({}, {"currency": 5}, "`currency` must be a text"),
        (5, {}, "a frame must be a mapping of columns or a dataframe"),
    ],
)
def test_bad_input(log: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        needs_met(log, **arguments)
