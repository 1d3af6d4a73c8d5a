"""Volume dials: the exact interval, the prior and what it adds, labels, windows of a log, and bad input."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

import customervalue as cv
from customervalue.errors import InvalidInputError, WeaklyIdentifiedWarning
from customervalue.estimation.priors import LogNormal
from customervalue.retention import VolumeDial, volume_dial, volume_dials
from customervalue.retention._dial_prior import group_counts, likelihood

PRIOR = {"common_ratio": 0.8, "concentration": 6.0}


def base(n: int, rng: np.random.Generator, *, ratio: float = 0.8, concentration: float = 6.0) -> Any:
    """Customers as the model has them, with exposures of their own: counts, exposures, and the true ratios."""
    early, late = rng.choice([13.0, 26.0, 39.0], n), rng.choice([13.0, 26.0], n)
    k = late / early
    m = ratio * k / (1 + ratio * k)
    share = rng.beta(concentration * m, concentration * (1 - m))
    total = rng.poisson(rng.gamma(0.8, 7.0, n))
    recent = rng.binomial(total, share)
    return total - recent, recent, early, late, share / (1 - share) / k


# Oracles


@pytest.mark.parametrize(("reference", "recent"), [(8, 2), (0, 3), (5, 0), (120, 60), (1, 1)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_exact_interval_is_that_of_the_binomial_test(reference: Any, recent: Any, level: float) -> None:
    found = volume_dial(reference, recent, exposure_reference=20.0, exposure_recent=10.0, level=level, **PRIOR)
    share = stats.binomtest(recent, reference + recent).proportion_ci(level, method="exact")
    # SciPy looks for its ends to within 2e-12.
    for ratio, p in ((found.low[0], share.low), (found.high[0], share.high)):
        assert (0.5 * ratio / (1 + 0.5 * ratio) if math.isfinite(ratio) else 1.0) == pytest.approx(p, abs=1e-11)


def test_exact_interval_in_closed_form() -> None:
    """Of one recent purchase of two, the share is within 1 - sqrt(0.975) and its mirror image."""
    found = volume_dial(1, 1, exposure_reference=2.0, exposure_recent=1.0, level=0.95, **PRIOR)
    p = 1 - math.sqrt(0.975)
    np.testing.assert_allclose([found.low[0], found.high[0]], [2 * p / (1 - p), 2 * (1 - p) / p], rtol=1e-13)


def test_likelihood_is_the_beta_binomial_of_scipy() -> None:
    rng = np.random.default_rng(1)
    reference, recent, early, late, _ = base(500, rng)
    k = late / early
    some = reference + recent > 0
    ratio, c = 0.7, 4.0
    m = ratio * k / (1 + ratio * k)
    expected = stats.betabinom.logpmf(recent, reference + recent, c * m, c * (1 - m))[some].sum()
    part = likelihood(group_counts(reference, recent, k))
    np.testing.assert_allclose(part.n_customers * part.objective(np.log([ratio, c])).value, expected, rtol=1e-12)
    assert part.n_customers == some.sum()


def test_fit_is_where_a_search_without_derivatives_ends() -> None:
    reference, recent, early, late, _ = base(800, np.random.default_rng(2))
    found = volume_dial(reference, recent, exposure_reference=early, exposure_recent=late)
    k = late / early

    def loss(theta: Any) -> Any:
        ratio, c = np.exp(theta)
        m = ratio * k / (1 + ratio * k)
        return -stats.betabinom.logpmf(recent, reference + recent, c * m, c * (1 - m)).sum()

    end = optimize.minimize(loss, [0.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    np.testing.assert_allclose([found.common_ratio, found.concentration], np.exp(end.x), rtol=1e-5)
    np.testing.assert_allclose(found.inference.log_likelihood, -end.fun, rtol=1e-12)


@pytest.mark.parametrize("theta", [(0.0, 1.0), (-1.0, -2.0), (0.5, 9.0)])
def test_derivatives(theta: Any) -> None:
    reference, recent, early, late, _ = base(200, np.random.default_rng(3))
    objective, h = likelihood(group_counts(reference, recent, late / early)).objective, 1e-5
    at = objective(np.array(theta))
    for i, step in enumerate(h * np.eye(2)):
        up, down = objective(theta + step), objective(theta - step)
        np.testing.assert_allclose((up.value - down.value) / (2 * h), at.gradient[i], atol=1e-9)
        np.testing.assert_allclose((up.gradient - down.gradient) / (2 * h), at.hessian[i], atol=1e-9)


@pytest.mark.parametrize("k", [0.25, 1.0, 3.0])
def test_posterior_is_prior_times_likelihood(k: float) -> None:
    """By quadrature over the ratio itself, without the share and without conjugacy."""
    found = volume_dial(7, 3, exposure_reference=1.0, exposure_recent=k, factor=1.5, **PRIOR)
    m = 0.8 * k / (1 + 0.8 * k)

    def density(rho: float) -> Any:
        share = rho * k / (1 + rho * k)
        prior = stats.beta.pdf(share, 6 * m, 6 * (1 - m)) * k / (1 + rho * k) ** 2
        return prior * (rho * k) ** 3 / (1 + rho * k) ** 10

    whole = integrate.quad(density, 0, np.inf, epsabs=0)[0]

    def below(rho: float) -> Any:
        return integrate.quad(density, 0, rho, epsabs=0)[0] / whole

    np.testing.assert_allclose(below(found.shrunk[0]), 0.5, rtol=1e-8)
    np.testing.assert_allclose(below(found.shrunk_low[0]), 0.05, rtol=1e-7)
    np.testing.assert_allclose(below(found.shrunk_high[0]), 0.95, rtol=1e-8)
    np.testing.assert_allclose(found.probability_down, below(1 / 1.5), rtol=1e-8)
    np.testing.assert_allclose(found.probability_up, 1 - below(1.5), rtol=1e-7)


# Properties

counts = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8)
lengths = st.floats(0.1, 100)


@given(counts, lengths, lengths, st.floats(1e-3, 1e3))
def test_a_longer_unit_of_time_changes_nothing(pairs: Any, early: float, late: float, unit: float) -> None:
    reference, recent = np.array(pairs).T
    one = volume_dial(reference, recent, exposure_reference=early, exposure_recent=late, **PRIOR)
    other = volume_dial(reference, recent, exposure_reference=early * unit, exposure_recent=late * unit, **PRIOR)
    for name in ("ratio", "low", "high", "shrunk", "shrunk_low", "shrunk_high", "probability_up", "probability_down"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-12)


@given(counts, lengths, lengths, st.floats(0.05, 20), st.floats(0.5, 500))
def test_to_swap_the_windows_is_to_invert_the_ratio(
    pairs: Any, early: float, late: float, ratio: float, concentration: float
) -> None:
    reference, recent = np.array(pairs).T
    arguments = {"concentration": concentration, "ever_customer": np.ones(len(pairs), bool)}
    there = volume_dial(
        reference, recent, exposure_reference=early, exposure_recent=late, common_ratio=ratio, **arguments
    )
    back = volume_dial(
        recent, reference, exposure_reference=late, exposure_recent=early, common_ratio=1 / ratio, **arguments
    )
    np.testing.assert_allclose(there.probability_up, back.probability_down, rtol=1e-7, atol=1e-14)
    np.testing.assert_allclose(there.probability_down, back.probability_up, rtol=1e-7, atol=1e-14)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(there.low, 1 / back.high, rtol=1e-9)
        np.testing.assert_allclose(there.shrunk, 1 / back.shrunk, rtol=1e-7)
        np.testing.assert_allclose(there.shrunk_low, 1 / back.shrunk_high, rtol=1e-7)


def test_to_swap_the_windows_is_to_invert_the_fitted_prior() -> None:
    reference, recent, early, late, _ = base(600, np.random.default_rng(4))
    there = volume_dial(reference, recent, exposure_reference=early, exposure_recent=late)
    back = volume_dial(recent, reference, exposure_reference=late, exposure_recent=early)
    np.testing.assert_allclose(there.common_ratio * back.common_ratio, 1.0, rtol=1e-6)
    np.testing.assert_allclose(there.concentration, back.concentration, rtol=1e-6)
    np.testing.assert_allclose(there.probability_up, back.probability_down, atol=1e-7)


@settings(max_examples=25)
@given(st.permutations(range(40)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    reference, recent, early, late, _ = base(40, np.random.default_rng(5))
    there = volume_dial(reference, recent, exposure_reference=early, exposure_recent=late, **PRIOR)
    other = volume_dial(
        reference[order], recent[order], exposure_reference=early[order], exposure_recent=late[order], **PRIOR
    )
    np.testing.assert_array_equal(there.shrunk[order], other.shrunk)
    np.testing.assert_array_equal(there.label[order], other.label)


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0.1, 10))
def test_shrunk_ratios_lie_between_prior_and_own_counts(reference: Any, recent: Any, k: float) -> None:
    found = volume_dial(reference, recent, exposure_reference=1.0, exposure_recent=k, **PRIOR)
    alone = volume_dial(0, 0, exposure_reference=1.0, exposure_recent=k, **PRIOR)
    assert found.shrunk_low[0] <= found.shrunk[0] <= found.shrunk_high[0]
    assert 0 <= found.probability_up[0] + found.probability_down[0] <= 1 + 1e-12
    if reference and recent == 0:
        assert found.shrunk[0] < alone.shrunk[0]
    if recent and reference == 0:
        assert found.shrunk[0] > alone.shrunk[0]


def test_more_purchases_of_his_own_weigh_more() -> None:
    found = volume_dial([1, 10, 100, 1000], [2, 20, 200, 2000], exposure_reference=1, exposure_recent=1, **PRIOR)
    assert np.all(np.diff(found.shrunk) > 0)
    assert np.all(np.diff(found.high - found.low) < 0)
    np.testing.assert_allclose(found.shrunk[-1], 2.0, rtol=0.01)


def test_without_heterogeneity_everyone_has_the_ratio_of_the_base() -> None:
    rng = np.random.default_rng(6)
    rate = rng.gamma(1.0, 5.0, 2000)
    reference, recent = rng.poisson(2 * rate), rng.poisson(1.0 * rate)
    with pytest.warns(WeaklyIdentifiedWarning, match="shrunk ratios hardly differ from that of the base"):
        found = volume_dial(reference, recent, exposure_reference=2.0, exposure_recent=1.0)
    # What is left is what chance looks like in these data.
    np.testing.assert_allclose(found.shrunk, found.common_ratio, rtol=0.03)
    np.testing.assert_allclose(found.common_ratio, recent.sum() / reference.sum() * 2, rtol=1e-3)
    assert set(found.label) <= {"steady", "absent", "returned"}


def test_customers_who_are_more_alike_than_chance_make_have_one_ratio() -> None:
    recent = np.arange(1, 40)
    with pytest.warns(WeaklyIdentifiedWarning, match="concentration runs to infinity"):
        found = volume_dial(2 * recent, recent, exposure_reference=3.0, exposure_recent=1.0)
    np.testing.assert_allclose(found.common_ratio, 1.5, rtol=1e-4)
    for name in ("shrunk", "shrunk_low", "shrunk_high"):
        np.testing.assert_allclose(getattr(found, name), found.common_ratio, rtol=2e-4)
    assert set(found.label) == {"growing"}
    assert "all alike" in repr(found)


def test_a_weak_prior_is_the_remedy_it_is_said_to_be() -> None:
    found = volume_dial([3, 4], [3, 5], exposure_reference=1.0, exposure_recent=1.0, prior="weak")
    assert 0.5 < found.common_ratio < 2.5
    told = {"common_ratio": LogNormal(1.0, 1.0), "concentration": LogNormal(4.0, 1.0)}
    volume_dial([3], [0], exposure_reference=1.0, exposure_recent=1.0, prior=told)


# Coverage and recovery


def test_exact_intervals_hold_the_truth_at_least_as_often_as_stated() -> None:
    """Not by simulation: summed over all that can happen to customers with given totals and shares."""
    for total in (1, 4, 17):
        recent = np.arange(total + 1)
        found = volume_dial(total - recent, recent, exposure_reference=2.0, exposure_recent=1.0, level=0.9, **PRIOR)
        for rho in np.geomspace(0.02, 50, 61):
            chance = stats.binom.pmf(recent, total, 0.5 * rho / (1 + 0.5 * rho))
            assert chance[(found.low <= rho) & (rho <= found.high)].sum() >= 0.9


def test_prior_is_recovered() -> None:
    """The distances of the estimates from the truth, in standard errors, have mean 0 and variance 1."""
    distances = []
    for seed in range(16):
        reference, recent, early, late, _ = base(3000, np.random.default_rng(100 + seed))
        found = volume_dial(reference, recent, exposure_reference=early, exposure_recent=late).inference
        distances.append([(found.parameters[n] - PRIOR[n]) / found.standard_errors[n] for n in PRIOR])
    assert np.all(np.abs(np.mean(distances, axis=0)) < 3.3 / 4)
    assert np.all((np.mean(np.square(distances), axis=0) > 0.3) & (np.mean(np.square(distances), axis=0) < 2.3))


def test_shrunk_intervals_hold_the_truth_as_often_as_stated() -> None:
    n = 20_000
    reference, recent, early, late, truth = base(n, np.random.default_rng(7))
    arguments = {"exposure_reference": early, "exposure_recent": late, "level": 0.9, "factor": 1.5}
    found = volume_dial(reference, recent, **arguments, **PRIOR)
    # With the prior the truth was drawn from: four standard errors of a share among 20,000, or less.
    within = 4 * math.sqrt(0.25 / n)
    held = (found.shrunk_low <= truth) & (truth <= found.shrunk_high)
    assert np.mean(held) == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / n))
    assert np.mean((found.low <= truth) & (truth <= found.high)) >= 0.9
    assert np.mean(truth > 1.5) == pytest.approx(found.probability_up.mean(), abs=within)
    assert np.mean(truth < 1 / 1.5) == pytest.approx(found.probability_down.mean(), abs=within)
    some = reference + recent > 0
    # Labels are right as often as they claim to be.
    fallen = np.isin(found.label, ["fading", "silent"])
    assert np.mean(truth[fallen] < 1 / 1.5) >= 0.8
    assert np.mean(truth[found.label == "growing"] > 1.5) >= 0.8
    assert np.all(found.label[~some] == "absent")


def test_shrunk_intervals_with_a_fitted_prior() -> None:
    """A base tells its prior to a few per cent, and that is what its intervals may miss the level by."""
    held = []
    for seed in range(8):
        reference, recent, early, late, truth = base(4000, np.random.default_rng(200 + seed))
        found = volume_dial(reference, recent, exposure_reference=early, exposure_recent=late, level=0.9)
        held.append(np.mean((found.shrunk_low <= truth) & (truth <= found.shrunk_high)))
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)


@pytest.mark.slow
def test_shrunk_intervals_of_small_bases() -> None:
    held = []
    rng = np.random.default_rng(8)
    for _ in range(300):
        reference, recent, early, late, truth = base(150, rng)
        found = volume_dial(reference, recent, exposure_reference=early, exposure_recent=late, prior="weak", level=0.9)
        held.append(np.mean((found.shrunk_low <= truth) & (truth <= found.shrunk_high)))
    assert np.mean(held) == pytest.approx(0.9, abs=0.02)


# Labels and results


def test_labels() -> None:
    found = volume_dial(
        reference=[20, 22, 5, 0, 0, 0, 10, 300, 1],
        recent=[6, 21, 0, 1, 4, 2, 30, 300, 0],
        exposure_reference=[26, 26, 26, 26, 26, 0, 26, 26, 26],
        exposure_recent=26,
        ever_customer=[1, 1, 1, 1, 0, 0, 1, 1, 1],
        common_ratio=1.0,
        concentration=4.0,
    )
    expected = ["fading", "unsure", "silent", "returned", "new", "new", "growing", "steady", "unsure"]
    assert found.label.tolist() == expected
    new = found.label == "new"
    for name in ("ratio", "low", "high", "shrunk", "probability_up", "probability_down"):
        assert np.all(np.isnan(getattr(found, name)) == new), name


def test_exposure_says_who_was_a_customer_unless_told_otherwise() -> None:
    arguments = {"exposure_reference": [26, 26, 0], "exposure_recent": 26, **PRIOR}
    assert volume_dial([0, 0, 0], [2, 0, 2], **arguments).label.tolist() == ["returned", "absent", "new"]


def test_new_customers_are_no_part_of_the_prior() -> None:
    reference, recent, early, late, _ = base(300, np.random.default_rng(9))
    one = volume_dial(reference, recent, exposure_reference=early, exposure_recent=late)
    more = volume_dial(
        np.append(reference, [0, 0]), np.append(recent, [9, 50]),
        exposure_reference=np.append(early, [0, 26]), exposure_recent=np.append(late, [26, 26]),
        ever_customer=np.append(np.ones(300, bool), [True, False]),
    )  # fmt: skip
    assert (one.common_ratio, one.concentration) == (more.common_ratio, more.concentration)


def test_counts_add_up_and_show_what_is_at_stake() -> None:
    found = volume_dial(
        [20, 5, 0], [6, 0, 3], exposure_reference=[20, 20, 0], exposure_recent=[10, 10, 5],
        spend_reference=[200.0, 50.0, 0.0], spend_recent=[60.0, 0.0, 44.0], common_ratio=1.0, concentration=4.0,
    )  # fmt: skip
    table = found.counts()
    assert table.customers.sum() == 3
    assert table.of == "spend"
    np.testing.assert_allclose(table.at_reference_rate.sum(), 125.0)
    np.testing.assert_allclose(table.change.sum(), 104.0 - 125.0)
    np.testing.assert_allclose(found.spend_ratio, [0.6, 0.0, np.nan])
    frame = table.to_frame("pandas")
    assert frame.loc[frame["label"] == "new", "recent"].item() == 44.0
    np.testing.assert_allclose(table.expected_down.sum(), np.nansum(found.probability_down))


def test_results_travel_and_are_shown() -> None:
    found = volume_dial([20, 0], [6, 3], exposure_reference=26, exposure_recent=26, customer_id=["Ann", "Bob"], **PRIOR)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["ratio"] == [0.3, None]
    assert data["high"][1] is None
    assert found.to_frame("polars")["customer_id"].to_list() == ["Ann", "Bob"]
    assert "fading" in repr(found)
    assert found._repr_html_().startswith("<table>")
    assert found.counts()._repr_html_().startswith("<table>")
    assert json.loads(json.dumps(found.counts().to_dict(), allow_nan=False))["of"] == "purchases"
    with pytest.raises(ValueError, match="read-only"):
        found.shrunk[0] = 1.0
    with pytest.raises(InvalidInputError, match="there is no spend in these dials"):
        _ = found.spend_ratio


def test_input_is_not_mutated_nor_held() -> None:
    reference, early = np.array([3, 4]), np.array([1.0, 2.0])
    found = volume_dial(reference, [1, 2], exposure_reference=early, exposure_recent=1.0, **PRIOR)
    reference[0], early[0] = 9, 9.0
    assert found.reference[0] == 3
    assert found.exposure_reference[0] == 1.0


# Windows of a log

WINDOWS = {"reference": ("1997-04-01", "1997-09-30"), "recent": ("1997-10-01", "1998-03-31")}


def naive(log: Any, reference: Any, recent: Any) -> Any:
    """Customer by customer, day by day."""
    day = {
        "reference": [dt.date.fromisoformat(d) for d in reference],
        "recent": [dt.date.fromisoformat(d) for d in recent],
    }
    bought: dict[int, dict[dt.date, float]] = {}
    for who, when, what in zip(log["customer_id"].tolist(), log["date"].tolist(), log["value"].tolist(), strict=True):
        if when <= day["recent"][1]:
            bought.setdefault(who, {})
            bought[who][when] = bought[who].get(when, 0.0) + what
    rows = []
    for who in sorted(bought):
        first, row = min(bought[who]), [who]
        for start, end in day.values():
            inside = [d for d in bought[who] if start <= d <= end and d > first]
            begin = max(start, first + dt.timedelta(days=1))
            row += [len(inside), sum(bought[who][d] for d in inside), max((end - begin).days + 1, 0) / 7]
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("backend", [None, "pandas", "polars", "pyarrow", "lazy", "duckdb"])
def test_windows_of_a_log_on_every_backend(backend: str | None) -> None:
    log = cv.datasets.load_cdnow(None if backend is None else "polars" if backend in ("lazy", "duckdb") else backend)
    expected = naive(cv.datasets.load_cdnow(), **WINDOWS)
    if backend == "lazy":
        log = log.lazy()
    if backend == "duckdb":
        import duckdb

        log = duckdb.sql("SELECT * FROM log")
    found = volume_dials(log, value="value", observation_end="1998-06-30", **WINDOWS)
    columns = ("customer_id", "reference", "spend_reference", "exposure_reference")
    columns += ("recent", "spend_recent", "exposure_recent")
    for i, name in enumerate(columns):
        np.testing.assert_allclose(getattr(found, name), expected[:, i], rtol=1e-12, err_msg=name)
    assert isinstance(found, VolumeDial)


def test_lengths_of_windows_count_back_from_the_end() -> None:
    log = cv.datasets.load_cdnow()
    named = volume_dials(
        log, observation_end="1998-06-30", reference=("1997-11-19", "1998-03-24"), recent=("1998-03-25", "1998-06-30")
    )
    length = volume_dials(log, observation_end="1998-06-30", reference=18, recent=14)
    assert named.to_dict() == length.to_dict()
    assert length.exposure_recent.max() == 14.0
    days = volume_dials(log, observation_end="1998-06-30", reference=126, recent=98, time_unit="D")
    np.testing.assert_allclose(days.shrunk, length.shrunk, rtol=1e-6)


def test_customers_of_a_log_who_are_new_returned_or_acquired_in_between() -> None:
    day = np.datetime64("2024-01-01")
    log = {
        # Ann came back; Bob is new; Cyd was acquired in the reference window and buys again; Dee only once, long ago.
        "customer_id": ["Ann", "Ann", "Bob", "Bob", "Cyd", "Cyd", "Cyd", "Dee"],
        "date": day + np.array([0, 90, 80, 95, 50, 52, 90, 1]),
    }
    arguments = {"observation_end": "2024-04-10", "reference": ("2024-02-01", "2024-02-29")}
    found = volume_dials(log, recent=("2024-03-01", "2024-04-10"), time_unit="D", **arguments, **PRIOR)
    assert found.customer_id.tolist() == ["Ann", "Bob", "Cyd", "Dee"]
    assert found.label.tolist()[:2] == ["returned", "new"]
    assert found.label[3] == "absent"
    assert found.reference.tolist() == [0, 0, 1, 0]
    assert found.recent.tolist() == [1, 1, 1, 0]
    # Cyd came on 20 February: nine days are left of the window. Bob came on 21 March.
    assert found.exposure_reference.tolist() == [29.0, 0.0, 9.0, 29.0]
    assert found.exposure_recent.tolist() == [41.0, 20.0, 41.0, 41.0]


def test_the_purchase_that_makes_a_customer_is_no_purchase_of_a_window() -> None:
    """Otherwise a base of steady customers seems to fade wherever customers are acquired in the reference window."""
    rng = np.random.default_rng(10)
    model = cv.clv.NBD(r=2.0, alpha=4.0)
    log = model.simulate_log(3000, rng.uniform(14, 52, 3000), rng, observation_end="2024-12-31")
    found = volume_dials(log, observation_end="2024-12-31", reference=26, recent=13, grain="s", prior="weak")
    low, high = found.inference.confidence_intervals(0.99)["common_ratio"]
    assert low < 1 < high < 1.05
    assert found.concentration > 20
