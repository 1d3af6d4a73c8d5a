"""NBD-Dirichlet: what bad input gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from customervalue.errors import InvalidInputError
from customervalue.estimation.priors import LogNormal
from customervalue.wallet import NBDDirichlet

TABLE_1 = NBDDirichlet(M=2.1 * 0.7, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"M": 0.0, "K": 1.0}, "`M` must be a positive number"),
        ({"M": 1.0, "K": "many"}, "`K` must be a number, and is 'many'"),
        ({"M": np.nan, "K": 1.0}, "1 problem in .*\n.*`M` must be a positive number"),
        ({"M": 1.0, "K": 1.0, "alpha": ()}, "`alpha` must hold a number for each brand, and is empty"),
        ({"M": 1.0, "K": 1.0, "alpha": (1.0, 1e-300)}, "`alpha` must be positive: 1 row .*row 1"),
        ({"M": 1.0, "K": 1.0, "alpha": (0.5, -1.0)}, "`alpha` must be positive: 1 row .*row 1"),
        ({"M": 1.0, "K": 1.0, "alpha": (0.5, 1.0), "brands": ("A",)}, "one name for each of the 2 brands"),
        ({"M": 1.0, "K": 1.0, "alpha": (0.5, 1.0), "brands": ("A", "A")}, "must be different names"),
        ({"M": 1.0, "K": 1.0, "alpha": (0.5, 1.0), "brands": ("A", "M")}, "none of them M or K"),
    ],
)
def test_bad_parameters(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        NBDDirichlet(**arguments)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[1, -1], [2, 0.5]], "2 problems in the counts"),
        ([[1, -1], [2, 0.5]], "must not be negative: 1 row .*row 0, column 1"),
        ([[1, 0], [3, 0]], "nobody bought 'brand 2'"),
        ([[0, 0], [0, 0]], "no customer has a purchase in the category"),
        ([[1], [2]], "two columns or more"),
        ([1, 2], "must be a table"),
        ([["a", "b"]], "must hold numbers"),
        (np.zeros((0, 2)), "at least one customer"),
    ],
)
def test_bad_counts(counts: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        NBDDirichlet.fit(counts)


def test_bad_weights_names_and_priors() -> None:
    counts = [[1, 0], [3, 2]]
    with pytest.raises(InvalidInputError, match="one entry for each of the 2 rows"):
        NBDDirichlet.fit(counts, weights=[1])
    with pytest.raises(InvalidInputError, match="must not all be zero"):
        NBDDirichlet.fit(counts, weights=[0, 0])
    with pytest.raises(InvalidInputError, match="different names"):
        NBDDirichlet.fit(counts, brands=["a", "K"])
    with pytest.raises(InvalidInputError, match="there is no parameter 'c'"):
        NBDDirichlet.fit(counts, prior={"c": LogNormal(1.0, 1.0)})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((56, 2.6, [0.5]), "`penetration` must lie between 0 and 1.*\n.*0.56 is 56 %"),
        ((0.56, 0.9, [0.5]), "`purchase_rate` must be more than 1"),
        ((0.56, 1.4, [0.5]), "`purchase_rate` must exceed 1.466 where 0.56"),
        ((0.56, 2.6, [25, 19]), "`shares` must lie between 0 and 1: 2 rows.*\n.*0.25 is 25 %"),
        ((0.56, 2.6, [0.7, 0.4]), "must not sum to more than 1, and sum to 1.1"),
        ((0.56, 2.6, [0.5, 0.5]), "one of `brand_penetration`, `brand_purchase_rate`, `S` must be given, and none is"),
    ],
)
def test_bad_aggregates(arguments: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        NBDDirichlet.from_aggregates(*arguments)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"S": 1.0, "brand_penetration": [0.2, 0.2]}, "must be given, and 2 are"),
        ({"S": -1.0}, "`S` must be a positive number"),
        ({"brand_penetration": [0.2]}, "one number for each of the 2 brands"),
        ({"brand_penetration": [np.nan, np.nan]}, "known of one brand or more"),
        ({"brand_penetration": [0.2, 0.5]}, r"limits of a brand's market share: 1 row .*row 1, penetration=0.5"),
        ({"brand_purchase_rate": [1.8, 0.0]}, "`brand_purchase_rate` must be positive"),
        ({"brand_penetration": [0.2, 0.2], "estimator": "mean"}, "must be one of share_weighted, notched"),
        ({"S": 1.0, "brands": ["a"]}, "one name for each of the 2 brands"),
    ],
)
def test_bad_aggregates_of_brands(how: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        NBDDirichlet.from_aggregates(0.56, 2.6, [0.25, 0.25], **how)


@pytest.mark.parametrize("how", [{"brand_penetration": [0.3]}, {"brand_purchase_rate": [2.0]}, {"S": 2}, {"S": "x"}])
def test_a_category_alone_has_no_brands_to_speak_of(how: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="a category alone needs none of"):
        NBDDirichlet.from_aggregates(0.56, 2.6, [1.0], **how)


def test_weights_of_a_comparison() -> None:
    with pytest.raises(InvalidInputError, match="one entry for each of the 2 rows, and has 1"):
        TABLE_1.compare([[1, 2, 1], [1, 0, 0]], weights=[1])
    with pytest.raises(InvalidInputError, match="`weights` must not be negative"):
        TABLE_1.compare([[1, 2, 1], [1, 0, 0]], weights=[1, -1])


def test_bad_arguments_of_predictions() -> None:
    with pytest.raises(InvalidInputError, match="`duration` must be positive and finite"):
        TABLE_1.brand_table(0)
    with pytest.raises(InvalidInputError, match="`duration` must be positive: 1 row"):
        TABLE_1.category_table([1, -1])
    with pytest.raises(InvalidInputError, match=r"there is no brand 'D'.*\n.*The brands are A, B, C"):
        TABLE_1.probability_of_purchases(1, brand="D")
    with pytest.raises(InvalidInputError, match="`n` must be whole"):
        TABLE_1.probability_of_purchases([0.5])
    with pytest.raises(InvalidInputError, match="a column for each of the 3 brands"):
        TABLE_1.compare([[1, 2]])
    with pytest.raises(InvalidInputError, match="nobody bought 'C'"):
        TABLE_1.compare([[1, 2, 0]])
    with pytest.raises(InvalidInputError, match="made from its parameters"):
        TABLE_1.draws(10, rng=1)
    with pytest.raises(InvalidInputError, match="whole number of draws"):
        TABLE_1.simulate(0, rng=1)
