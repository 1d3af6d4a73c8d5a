"""Contracts: draws, intervals, data that cannot tell, bad input, and coverage."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from customervalue.errors import AssumptionWarning, ConvergenceError, InfiniteMeanWarning, InvalidInputError
from customervalue.errors import WeaklyIdentifiedWarning as Weak
from customervalue.estimation.priors import LogNormal
from customervalue.retention import BetaDiscreteWeibull, ContractInterval, Geometric, ShiftedBetaGeometric

pytestmark = pytest.mark.heavy

MODELS = (Geometric, ShiftedBetaGeometric, BetaDiscreteWeibull)
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
BASE = ShiftedBetaGeometric(alpha=0.764, beta=1.296)
WEIBULL = BetaDiscreteWeibull(alpha=0.523, beta=0.894, c=1.196)
HOMOGENEOUS = [100_000, 80_000, 64_000, 51_200, 40_960, 32_768]


# ---- what the data cannot tell


@pytest.mark.parametrize("model", MODELS)
def test_no_maximum(model: type[Any]) -> None:
    with pytest.raises(ConvergenceError, match="none of the 500 customers was seen to leave"):
        model.fit_survivors([500, 500, 500])
    with pytest.raises(ConvergenceError, match="none of the 500 customers was seen to renew"):
        model.fit_survivors([500, 0])
    with pytest.raises(ConvergenceError, match="none of the 2 customers was seen to leave"):
        model.fit([0, 3], [False, False])


@pytest.mark.parametrize("model", MODELS)
def test_a_prior_makes_a_maximum(model: type[Any]) -> None:
    fitted = model.fit_survivors([500, 500, 500], prior="weak")
    assert 0 < fitted.hazard(1) < 0.01
    if model is Geometric:
        with pytest.raises(ConvergenceError, match="theta goes to 1, with a prior or without"):
            model.fit_survivors([500, 0], prior="weak")
    else:
        assert model.fit_survivors([500, 0], prior="weak").hazard(1) > 0.99


def test_no_heterogeneity() -> None:
    with pytest.warns(Weak, match="customers hardly differ.*`Geometric` says the same"):
        model = ShiftedBetaGeometric.fit_survivors(HOMOGENEOUS)
    assert model.retention_rate([1, 5]) == pytest.approx([0.8, 0.8], abs=1e-3)
    with pytest.warns(Weak, match=r"changes with age \(c = 1\)"):
        weibull = BetaDiscreteWeibull.fit_survivors(HOMOGENEOUS)
    assert weibull.inference is not None
    assert weibull.inference.confidence_intervals()["alpha"] == (0, math.inf)
    assert "0.0000 to inf" in repr(weibull.inference)
    with pytest.raises(InvalidInputError, match="leave alpha and beta open"):
        weibull.draws(10, 1)


def test_retention_that_falls() -> None:
    with pytest.warns(Weak, match="if the rate falls, `BetaDiscreteWeibull` can follow it"):
        ShiftedBetaGeometric.fit_survivors([1000, 990, 900, 600, 100, 2, 0])
    with pytest.warns(Weak, match=r"c = 4\.6"):
        weibull = BetaDiscreteWeibull.fit_survivors([1000, 990, 900, 600, 100, 2, 0])
    assert np.all(np.diff(weibull.retention_rate(range(1, 7))) < 0)


@pytest.mark.parametrize(
    ("model", "counts", "words"),
    [
        (ShiftedBetaGeometric, [1000, 800], "from one renewal we learn that 0.2 leave at it"),
        (ShiftedBetaGeometric, [1000, 600, 600, 600], "all or nothing: 40% leave at the first renewal"),
        (BetaDiscreteWeibull, [1000, 800, 700], "from two renewals we learn two retention rates"),
        (BetaDiscreteWeibull, [10, 7, 5, 5], "is known better than how customers differ"),
    ],
)
def test_words_for_what_is_not_told(model: type[Any], counts: list[int], words: str) -> None:
    with pytest.warns(Weak, match=words):
        model.fit_survivors(counts)


def test_infinite_means() -> None:
    with pytest.warns(
        InfiniteMeanWarning, match=r"expected lifetime is infinite: with alpha = 0.764.*discount_rate > 0"
    ):
        assert BASE.expected_lifetime() == math.inf
    with pytest.warns(InfiniteMeanWarning, match="residual lifetime is infinite: with c alpha = 0.6255"):
        assert WEIBULL.expected_residual_lifetime([0, 3], 0.0).tolist() == [math.inf, math.inf]
    with pytest.warns(InfiniteMeanWarning, match="residual value is infinite"):
        assert BASE.residual_value([0.0, 2.0], 0, 0.0).tolist() == [0.0, math.inf]
    with pytest.warns(InfiniteMeanWarning, match="elasticity is infinite"):
        assert ShiftedBetaGeometric(1.5, 1.0).retention_elasticity(0, 0.0) == math.inf
    assert BASE.expected_lifetime(horizon=12) == pytest.approx(BASE.survival(range(12)).sum())
    assert BASE.expected_lifetime(horizon=0) == 0
    assert BASE.expected_lifetime(horizon=1) == 1
    assert BASE.expected_residual_lifetime(3, 0.1, horizon=0) == 0


# ---- draws and intervals


@pytest.mark.parametrize("model", MODELS)
def test_draws(model: type[Any]) -> None:
    fitted = model.fit_survivors(HIGH_END)
    draws = fitted.draws(4_000, 1)
    assert draws.method == "asymptotic"
    errors = fitted.inference.standard_errors
    log_errors = {
        n: errors[n] / fitted.parameters[n] / (1 - fitted.parameters[n] if n == "theta" else 1) for n in errors
    }
    for name, values in draws.parameters.items():
        scale = np.log(values / (1 - values)) if name == "theta" else np.log(values)
        assert scale.std() == pytest.approx(log_errors[name], rel=0.05)
    exact = fitted.draws(1_000, 1, survivors=HIGH_END)
    assert exact.method == "importance"
    assert exact.effective_sample_size > 1_000  # of 2,000 proposals
    assert exact[3] == type(fitted)(*exact.values[3], time_unit="Y")


def test_geometric_draws_are_the_posterior() -> None:
    # Flat in ln theta: after K losses and R renewals it is Beta(K, R + 1).
    fitted = Geometric.fit_survivors([20, 6, 2])
    draws = fitted.draws(40_000, 1, survivors=[20, 6, 2]).parameters["theta"]
    assert draws.mean() == pytest.approx(18 / 27, abs=3e-3)
    assert draws.var() == pytest.approx(18 * 9 / (27**2 * 28), rel=0.04)
    strict = Geometric.fit_survivors([20, 6, 2], prior={"theta": LogNormal(0.3, 0.01)})
    pulled = strict.draws(2_000, 1, survivors=[20, 6, 2]).parameters["theta"]
    assert pulled.mean() == pytest.approx(strict.theta, abs=1e-3)


def test_draws_by_individuals() -> None:
    duration, churned, weights = [1, 2, 3, 4, 4], [1, 1, 1, 1, 0], [369, 163, 86, 56, 326]
    fitted = ShiftedBetaGeometric.fit(duration, churned, weights=weights)
    draws = fitted.draws(500, 1, duration=duration, churned=churned, weights=weights)
    assert draws.method == "importance"
    assert draws.values.tolist() == fitted.draws(500, 1, survivors=[1000, 631, 468, 382, 326]).values.tolist()
    with pytest.raises(InvalidInputError, match="these are not the customers of the fit"):
        fitted.draws(500, 1, duration=duration, churned=churned)
    with pytest.raises(InvalidInputError, match="either `survivors`, or `duration` and `churned`"):
        fitted.draws(500, 1, duration=duration, churned=churned, survivors=[3, 2])
    with pytest.raises(InvalidInputError, match="`churned` is missing"):
        fitted.draws(500, 1, duration=duration)


@pytest.mark.parametrize("model", MODELS)
def test_draws_need_a_fit(model: type[Any]) -> None:
    with pytest.raises(InvalidInputError, match="made from its parameters"):
        model(*[0.5] * len(model.parameter_names)).draws(5, 1)


def test_rough_draws_say_so() -> None:
    fitted = ShiftedBetaGeometric.fit_survivors([100, 63, 47, 38, 33])
    with pytest.warns(AssumptionWarning, match="a fit to 100 customers.*Pass `survivors=`"):
        fitted.draws(5, 1)
    few = Geometric.fit([1, 1, 1, 2], [1, 1, 1, 1])
    with pytest.warns(AssumptionWarning, match="a fit to 4 customers"):
        draws = few.draws(2_000, 1)
    assert 0 < draws.values.min() < draws.values.max() < 1
    assert few.inference is not None
    assert few.inference.confidence_intervals()["theta"][1] < 1


@pytest.mark.parametrize("model", MODELS)
def test_interval_is_that_of_the_draws(model: type[Any]) -> None:
    fitted = model.fit_survivors(HIGH_END)
    draws = fitted.draws(300, 1)
    found = fitted.interval("survival", draws=draws, level=0.8, t=[1, 12, 1])
    values = np.array([one.survival([1, 12, 1]) for one in draws])
    assert [found.low.tolist(), found.high.tolist()] == np.quantile(values, [0.1, 0.9], axis=0).tolist()
    assert found.estimate.tolist() == fitted.survival([1, 12, 1]).tolist()
    assert found.ages is not None
    assert found.ages.tolist() == [1, 12, 1]
    for of, arguments in (
        ("retention_rate", {"t": 3}),
        ("hazard", {"t": [3]}),
        ("probability_churn", {"t": 3}),
        ("expected_lifetime", {"discount_rate": 0.1}),
        ("expected_residual_lifetime", {"tenure": [0, 4], "discount_rate": 0.1}),
        ("retention_elasticity", {"tenure": 4, "discount_rate": 0.1}),
    ):
        one = fitted.interval(of, draws=draws[:50], **arguments)
        assert np.all((one.low < one.estimate) & (one.estimate < one.high)), of


def test_interval_of_money() -> None:
    fitted = ShiftedBetaGeometric.fit_survivors(HIGH_END)
    draws = fitted.draws(100, 1)
    margin, tenure = np.array([100.0, -20.0, 7.0]), [0, 4, 0]
    found = fitted.interval("residual_value", draws=draws, margin=margin, tenure=tenure, discount_rate=0.1)
    values = np.array([one.residual_value(margin, tenure, 0.1) for one in draws])
    low, high = np.quantile(values, [0.025, 0.975], axis=0)
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)
    alike = fitted.interval("residual_value", draws=draws, margin=margin, tenure=4, discount_rate=0.1)
    assert len(alike) == 3
    base = fitted.interval(lambda one: np.sum(one.residual_value(100, [0, 1, 2], 0.1)), draws=draws)
    assert len(base) == 1
    assert base.low[0] < base.estimate[0] < base.high[0]


def test_interval_of_an_infinite_mean() -> None:
    fitted = ShiftedBetaGeometric.fit_survivors([1000, 800, 660, 560, 490, 435, 390])
    with pytest.warns(InfiniteMeanWarning) if fitted.alpha <= 1 else _nothing():
        found = fitted.interval("expected_lifetime", rng=1)
    assert found.high[0] == math.inf
    assert json.loads(json.dumps(found.to_dict()))["high"] == [None]


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def test_interval_as_a_table() -> None:
    found = ContractInterval("survival", 0.9, *[np.linspace(1, 0, 30)] * 3, by="t", ages=np.arange(30.0))
    assert repr(found).endswith("and 10 more")
    assert "<caption>Interval of survival, 90 %</caption>" in found._repr_html_()
    assert list(found.to_frame("pandas").columns) == ["t", "estimate", "low", "high"]
    assert found.to_frame("polars").shape == (30, 4)


@pytest.mark.parametrize(
    ("of", "arguments", "words"),
    [
        ("churn", {}, "there is no prediction 'churn'"),
        ("survival", {"tenure": 3}, "`survival` cannot be called like this"),
        ("survival", {"t": -1}, "whole numbers from 0"),
        (len, {"t": 3}, "a function takes no further arguments, and got t"),
    ],
)
def test_interval_checks(of: Any, arguments: dict[str, Any], words: str) -> None:
    fitted = ShiftedBetaGeometric.fit_survivors(HIGH_END)
    with pytest.raises(InvalidInputError, match=words):
        fitted.interval(of, rng=1, **arguments)


def test_interval_checks_level_and_draws() -> None:
    fitted = ShiftedBetaGeometric.fit_survivors(HIGH_END)
    with pytest.raises(InvalidInputError, match="`level` must lie between 0 and 1"):
        fitted.interval("survival", level=95, rng=1, t=3)
    other = ShiftedBetaGeometric.fit_survivors([1000, 631, 468, 382, 326])
    with pytest.raises(InvalidInputError, match="must be draws of this ShiftedBetaGeometric"):
        fitted.interval("survival", draws=other.draws(5, 1), t=3)


# ---- input checks


def problems(call: Any) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        call()
    return [str(problem).replace("\n     ", " ") for problem in caught.value.problems]


def test_every_problem_of_individuals_at_once() -> None:
    found = problems(
        lambda: Geometric.fit([-1, 2.5, 0, 4, 2], [0, 0, 1, 2, 1], entry=[0, 0, 0, 0, 2], weights=[1, 1, 0.5, 1, 1])
    )
    assert found == [
        "`duration` must be whole numbers, not negative and at most 1,000,000: 2 rows break this (first: row 0, "
        "duration=-1). It counts renewal periods: round elapsed time to whole ones.",
        "`churned` must be True or False: 1 row breaks this (first: row 3, churned=2). True if the customer has left, "
        "False if he is still there.",
        "who has left must have a `duration` of 1 or more: 1 row breaks this (first: row 2, duration=0, churned=1). "
        "Who leaves at the first renewal has duration 1. A customer who never paid is none; leave him out.",
        "`entry` must lie before the end of `duration`: 2 rows break this (first: row 0, entry=0, duration=-1, "
        "churned=0). A customer who had left before he could be seen is not in the data.",
        "`weights` must be whole numbers, not negative: 1 row breaks this (first: row 2, weights=0.5). Weights count "
        "identical customers; they are not sampling weights.",
    ]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (([1, 2], [True]), "all columns must have the same length, and have duration 2, churned 1"),
        (([], []), "there must be at least one customer"),
        (([[1, 2]], [[1, 1]]), "`duration` must be one-dimensional"),
        ((["1", "2"], [1, 1]), "`duration` must hold numbers"),
        (([1, math.nan], [1, 1]), "`duration` must be whole numbers"),
        (([1, 2], [1, math.nan]), "`churned` must be True or False"),
        (([1, 2], [1, 1], None, [0, 0]), "`weights` must not all be zero"),
        (([1, [2]], [1, 1]), "`duration` must hold numbers, in rows of one length"),
    ],
)
def test_individuals(columns: tuple[Any, ...], words: str) -> None:
    duration, churned, entry, weights = [*columns, None, None][:4]
    with pytest.raises(InvalidInputError, match=words):
        ShiftedBetaGeometric.fit(duration, churned, entry=entry, weights=weights)


def test_every_problem_of_survivors_at_once() -> None:
    nan = math.nan
    found = problems(
        lambda: ShiftedBetaGeometric.fit_survivors(
            [[100, 60.5, 70, nan], [100, nan, 50, math.inf], [90, -3, nan, nan], [nan, nan, nan, nan]]
        )
    )
    assert [f.split(":")[0] for f in found] == [
        "`survivors` must be finite; NaN says that a count is not known",
        "`survivors` must not be negative",
        "`survivors` must be whole numbers",
        "`survivors` must not increase with age",
        "`survivors` must have no gap",
        "a cohort must have at least one count",
    ]
    assert "2 counts break this (first: cohort 0, age 2: 70 after 60.5)" in found[3]
    assert "(first: cohort 1, age 1: nan)" in found[4]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([0.631, 0.468], "Shares and percentages are not enough"),
        ([0, 0], "there must be at least one customer"),
        ([], "must be counts by age of one cohort"),
        ([[[1]]], "must be counts by age of one cohort"),
        ("many", "`survivors` must hold numbers"),
        ([[3, 2], [1]], "in rows of one length"),
        ([100, 120], r"first: age 1: 120 after 100"),
    ],
)
def test_survivors(counts: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        ShiftedBetaGeometric.fit_survivors(counts)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Geometric(theta=1.0), "`theta` is a probability and must lie between 0 and 1, and is 1"),
        (lambda: Geometric(theta=0.0), "`theta` must be a positive number"),
        (lambda: ShiftedBetaGeometric(alpha=-1, beta=math.nan), "2 problems in the parameters"),
        (lambda: BetaDiscreteWeibull(alpha=1, beta=1, c=0), "`c` must be a positive number"),
        (lambda: ShiftedBetaGeometric(1, 1, time_unit="Q"), "`time_unit` must be one of D, W, M, Y"),
        (lambda: ShiftedBetaGeometric.fit_survivors(HIGH_END, time_unit="year"), "`time_unit` must be one of"),
        (lambda: BASE.survival(1.5), "`t` counts renewals: whole numbers from 0"),
        (lambda: BASE.survival([1, math.nan]), r"first: row 1, t=nan"),
        (lambda: BASE.retention_rate(0), "whole numbers from 1"),
        (lambda: BASE.hazard("one"), "`t` must be a whole number"),
        (lambda: BASE.expected_residual_lifetime(-1, 0.1), "`tenure` counts renewals"),
        (lambda: BASE.expected_residual_lifetime(1, -0.1), "`discount_rate` must be finite and not negative"),
        (lambda: BASE.expected_residual_lifetime(1, 0.1, horizon=2.5), "`horizon` must be a whole number of periods"),
        (lambda: BASE.expected_lifetime(horizon=math.inf), "Leave it out for the whole future"),
        (lambda: BASE.retention_elasticity(1, 0.1, horizon=0), "`horizon` must be 1 or more"),
        (lambda: BASE.residual_value(math.nan, 1, 0.1), "`margin` must be finite"),
        (lambda: BASE.residual_value("much", 1, 0.1), "`margin` must be a number"),
        (lambda: BASE.residual_value([1, 2, 3], [1, 2], 0.1), "`margin` and `tenure` must go together"),
        (lambda: BASE.residual_value(1, 1, 0.1, wait=2), "`wait` must lie between 0 and 1"),
        (lambda: ShiftedBetaGeometric.fit_survivors(HIGH_END, prior={"c": LogNormal(1, 1)}), "no parameter 'c'"),
    ],
)
def test_arguments(make: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        make()


def test_nothing_is_mutated() -> None:
    counts, duration = np.array(HIGH_END), np.array([1, 2, 3, 3])
    ShiftedBetaGeometric.fit_survivors(counts)
    Geometric.fit(duration, [1, 1, 1, 0])
    BASE.residual_value(np.array([1.0, 2.0]), np.array([0, 1]), 0.1)
    assert counts.tolist() == HIGH_END
    assert duration.tolist() == [1, 2, 3, 3]


# ---- recovery


def simulated(rng: np.random.Generator, n: int, a: float, b: float, c: float, periods: int) -> Any:
    """Counts still there, of customers with churn rates ~ Beta(a, b) who live to (ln U / ln(1 - theta))**(1 / c)."""
    life = (np.log(rng.random(n)) / np.log1p(-rng.beta(a, b, n))) ** (1 / c)
    return np.array([np.count_nonzero(life >= t) for t in range(periods + 1)])


def test_weibull_recovers_its_parameters() -> None:
    counts = simulated(np.random.default_rng(3), 200_000, 0.6, 2.0, 1.4, 10)
    fitted = BetaDiscreteWeibull.fit_survivors(counts)
    assert fitted.inference is not None
    for name, true in (("alpha", 0.6), ("beta", 2.0), ("c", 1.4)):
        assert abs(fitted.parameters[name] - true) < 3.5 * fitted.inference.standard_errors[name]


@pytest.mark.slow
@pytest.mark.parametrize("model", [ShiftedBetaGeometric(0.7, 1.2), Geometric(0.2), BetaDiscreteWeibull(0.6, 2.0, 1.4)])
def test_intervals_cover(model: Any) -> None:
    # 100 data sets: with true coverage .95 the count lies within 3 standard deviations, from 89 on.
    rng, sets = np.random.default_rng(11), 100
    a, b, c = [*model.parameters.values(), 1.0][:3] if not isinstance(model, Geometric) else (2e9, 8e9, 1.0)
    arguments: dict[str, dict[str, Any]] = {
        "survival": {"t": [1, 5, 12]},
        "retention_rate": {"t": [1, 5, 12]},
        "residual_value": {"margin": 100, "tenure": [0, 3], "discount_rate": 0.1},
    }
    truth = {of: getattr(model, of)(**given) for of, given in arguments.items()}
    hits: dict[str, Any] = dict.fromkeys(arguments, 0) | dict.fromkeys(model.parameters, 0)
    for _ in range(sets):
        counts = simulated(rng, 2_000, a, b, c, 8)
        fitted = type(model).fit_survivors(counts)
        for name, (low, high) in fitted.inference.confidence_intervals(0.95).items():
            hits[name] += low <= model.parameters[name] <= high
        draws = fitted.draws(300, rng)
        for of, given in arguments.items():
            found = fitted.interval(of, draws=draws, **given)
            hits[of] = hits[of] + ((found.low <= truth[of]) & (truth[of] <= found.high))
    for of, count in hits.items():
        assert np.all(np.asarray(count) >= 89), (of, count)
