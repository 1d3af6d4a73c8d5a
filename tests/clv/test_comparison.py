"""Models side by side: criteria and tests by hand, under the truth, and what cannot be compared."""

from __future__ import annotations

import json
import math
import warnings
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import norm

from customervalue import CustomerSummary
from customervalue.clv import (
    BGNBD,
    MBGNBD,
    NBD,
    Comparison,
    GammaGamma,
    LikelihoodRatio,
    ParetoNBD,
    compare,
    likelihood_ratio_test,
)
from customervalue.errors import ConvergenceError, InvalidInputError, WeaklyIdentifiedWarning
from reference import cdnow, oracle, simulate

pytestmark = pytest.mark.heavy

FOUR = (BGNBD, MBGNBD, ParetoNBD, NBD)


class Discrete(BGNBD):
    """A model of whole opportunities, for all that `compare` knows."""

    whole_time: ClassVar[bool] = True


@cache
def fitted(kind: Any) -> Any:
    return kind.fit(cdnow.exact())


@cache
def of_cdnow() -> Comparison:
    return compare(cdnow.exact(), [fitted(kind) for kind in FOUR])


def quietly(*arguments: Any, **named: Any) -> Comparison:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeaklyIdentifiedWarning)
        return compare(*arguments, **named)


@cache
def loyal(n: int = 600, seed: int = 3) -> CustomerSummary:
    """Customers who never leave."""
    base = simulate.bg_nbd(np.random.default_rng(seed), n, r=0.5, alpha=5.0, a=1e-9, b=1.0, T=30.0)
    return CustomerSummary(base.x, base.t_x, base.T)


# ---- criteria


def test_criteria_by_hand() -> None:
    found = of_cdnow()
    columns = (cdnow.exact().frequency.astype(float), cdnow.exact().recency, cdnow.exact().T)
    for i, model in enumerate(found.models):
        value = float(model.log_likelihood(cdnow.exact()).sum())
        if type(model) is BGNBD:
            parameters = list(model.parameters.values())
            assert value == pytest.approx(float(oracle.bg_nbd_log_likelihood(parameters, *columns).sum()), abs=1e-7)
        k = len(model.parameters)
        assert found.log_likelihood[i] == pytest.approx(value, abs=1e-7)
        assert found.n_parameters[i] == k
        assert found.aic[i] == pytest.approx(2 * k - 2 * value, abs=1e-6)
        assert found.bic[i] == pytest.approx(k * math.log(2357) - 2 * value, abs=1e-6)
        assert found.aic[i] == pytest.approx(model.inference.aic, abs=1e-6)  # type: ignore[union-attr]
        assert found.bic[i] == pytest.approx(model.inference.bic, abs=1e-6)  # type: ignore[union-attr]


def test_the_likelihood_of_nbd_is_comparable_with_the_others() -> None:
    # Of the moments of the purchases, not of their number: x! / T^x less.
    x, length = cdnow.exact().frequency, cdnow.exact().T
    model = fitted(NBD)
    counts = (
        gammaln(model.r + x)
        - gammaln(model.r)
        - gammaln(x + 1)
        + model.r * np.log(model.alpha / (model.alpha + length))
    )
    counts += x * np.log(length / (model.alpha + length)) + gammaln(x + 1) - x * np.log(length)
    assert of_cdnow().log_likelihood[-1] == pytest.approx(counts.sum(), abs=1e-6)


def test_best_first() -> None:
    found = of_cdnow()
    assert np.all(np.diff(found.aic) >= 0)
    assert [type(model).__name__ for model in found.models] == ["MBGNBD", "BGNBD", "ParetoNBD", "NBD"]
    assert found.best is found.models[0]


@pytest.mark.parametrize("order", [(BGNBD, NBD, MBGNBD), (NBD, MBGNBD, BGNBD)])
def test_the_order_they_are_given_in_does_not_matter(order: Any) -> None:
    found = compare(cdnow.exact(), order)
    assert [type(model) for model in found.models] == [MBGNBD, BGNBD, NBD]
    again = compare(cdnow.exact(), [fitted(kind) for kind in order])
    np.testing.assert_allclose(found.aic, again.aic, rtol=1e-12)
    np.testing.assert_allclose(found.statistic, again.statistic, rtol=1e-6)


def test_weights_are_repeated_rows() -> None:
    customers = cdnow.exact()[:800]
    weights = np.arange(800) % 4
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T")}
    light = CustomerSummary(**columns, weights=weights)
    long = CustomerSummary(**{name: np.repeat(column, weights) for name, column in columns.items()})
    ours, theirs = (quietly(some, [BGNBD, MBGNBD, NBD]) for some in (light, long))
    assert ours.test == theirs.test
    np.testing.assert_allclose(ours.aic, theirs.aic, rtol=1e-9)
    np.testing.assert_allclose(ours.bic, theirs.bic, rtol=1e-9)
    np.testing.assert_allclose(ours.statistic, theirs.statistic, rtol=1e-4)


def test_one_model_alone() -> None:
    found = compare(cdnow.exact(), [NBD])
    assert found.test == ("",)
    assert np.isnan(found.p_value[0])
    assert compare(cdnow.exact(), NBD).aic == pytest.approx(found.aic)  # type: ignore[arg-type]


def test_boundaries_are_shown() -> None:
    found = quietly(loyal(), [BGNBD, NBD])
    shown = dict(zip((type(model) for model in found.models), found.at_boundary, strict=True))
    assert shown[BGNBD]
    assert set(shown[BGNBD]) <= {"a", "b"}
    assert shown[NBD] == ()
    assert type(found.best) is NBD
    assert ", ".join(shown[BGNBD]) in repr(found)
    assert ", ".join(shown[BGNBD]) in found.to_dict()["at_boundary"]


# ---- Vuong


@pytest.mark.parametrize("pair", [(BGNBD, MBGNBD), (BGNBD, ParetoNBD), (MBGNBD, ParetoNBD)])
def test_vuong_by_hand(pair: Any) -> None:
    found = compare(cdnow.exact(), [fitted(kind) for kind in pair])
    first, second = (model.log_likelihood(cdnow.exact()) for model in found.models)
    ratio = second - first
    n = ratio.size
    variance = np.mean(ratio**2) - np.mean(ratio) ** 2  # Vuong (1989), eq. (4.2)
    z = ratio.sum() / math.sqrt(n * variance)
    assert found.test == ("", "Vuong")
    assert found.statistic[1] == pytest.approx(z, rel=1e-6)
    assert found.p_value[1] == pytest.approx(2 * norm.cdf(-abs(z)), rel=1e-6)
    assert found.statistic[1] < 0  # the first model fits better


def test_two_of_a_kind_are_alike() -> None:
    found = compare(cdnow.exact(), [fitted(BGNBD), fitted(BGNBD)])
    assert found.test == ("", "alike")
    assert np.all(np.isnan(found.statistic))
    assert np.all(np.isnan(found.p_value))
    assert found.aic[0] == found.aic[1]
    assert "alike" in repr(found)


def test_without_dropout_nothing_is_told_apart() -> None:
    found = quietly(loyal(), [BGNBD, MBGNBD, ParetoNBD])
    assert all(test in ("", "alike") for test in found.test)
    assert np.all(np.isnan(found.p_value))


def test_without_a_fit_there_is_no_test() -> None:
    found = compare(cdnow.exact(), [fitted(BGNBD), MBGNBD(r=0.5, alpha=6.0, a=0.9, b=1.6)])
    assert found.test == ("", "")
    assert np.all(np.isfinite(found.aic))


def variance_test(models: Any, customers: CustomerSummary) -> tuple[float, float]:
    """Vuong (1989), theorem 4.1, from differences: n times the variance, and the 95 % point of its distribution."""
    n, blocks = len(customers), []

    def each(model: Any, theta: Any) -> Any:
        return type(model)(**dict(zip(model.parameter_names, np.exp(theta), strict=True))).log_likelihood(customers)

    for model in models:
        centre = np.log(list(model.parameters.values()))
        steps = np.eye(centre.size) * 2e-4
        score = np.array([(each(model, centre + s) - each(model, centre - s)) / 4e-4 for s in steps])
        curvature = oracle.hessian(lambda theta, model=model: float(each(model, theta).mean()), centre)  # type: ignore[misc]
        blocks.append((score, np.linalg.inv(curvature)))
    (f, a_f), (g, a_g) = blocks
    top = np.hstack([-f @ f.T @ a_f, -f @ g.T @ a_g])
    bottom = np.hstack([g @ f.T @ a_f, g @ g.T @ a_g])
    weights = np.linalg.eigvals(np.vstack([top, bottom]) / n).real ** 2
    mixture = np.random.default_rng(9).chisquare(1, (50_000, weights.size)) @ weights
    ratio = models[0].log_likelihood(customers) - models[1].log_likelihood(customers)
    return n * float(np.var(ratio)), float(np.quantile(mixture, 0.95))


@pytest.mark.slow
def test_alike_or_not_is_decided_as_by_hand() -> None:
    decided = set()
    for seed in range(12):
        rows = np.sort(np.random.default_rng(seed).choice(2357, 250, replace=False))
        customers = cdnow.exact()[rows]
        found = quietly(customers, [BGNBD, MBGNBD])
        if found.test[1] == "":
            assert any(found.at_boundary)
            continue
        statistic, limit = variance_test(found.models, customers)
        if not 0.9 < statistic / limit < 1.1:
            assert (found.test[1] == "alike") == (statistic <= limit)
            decided.add(found.test[1])
    assert decided == {"alike", "Vuong"}


@pytest.mark.slow
def test_two_models_as_far_from_the_truth_are_told_apart_as_rarely_as_stated() -> None:
    # Half of the customers from each of two models, so chosen that neither fit is closer: the test is of level 5 %.
    wins = {BGNBD: 0, MBGNBD: 0}
    for seed in range(50):
        rng = np.random.default_rng(seed)
        one = simulate.bg_nbd(rng, 700, r=0.5, alpha=5.0, a=0.8, b=2.0, T=39.0)
        other = simulate.bg_nbd(rng, 700, r=0.9, alpha=6.0, a=0.8, b=2.0, T=39.0, modified=True)
        columns = (np.concatenate(pair) for pair in zip(one[:3], other[:3], strict=True))
        found = compare(CustomerSummary(*columns), [BGNBD, MBGNBD])
        if found.test[1] == "Vuong" and found.p_value[1] < 0.05:
            wins[type(found.best)] += 1  # type: ignore[index]
    # Not exactly as far: no more than twice the level either way, and three standard errors.
    assert max(wins.values()) <= 9, wins


# ---- likelihood ratio


def test_nbd_is_tested_only_with_randomness() -> None:
    customers = cdnow.exact()[:400]
    plain = compare(customers, [BGNBD, NBD])
    assert plain.test == ("", "")
    found = compare(customers, [BGNBD, NBD], rng=1, n=19)
    assert found.test == ("", "likelihood ratio")
    assert found.statistic[1] == pytest.approx(2 * (found.log_likelihood[0] - found.log_likelihood[1]), rel=1e-6)
    assert found.p_value[1] == 0.05
    assert "likelihood ratio" in repr(found)


def test_nbd_is_tested_where_it_comes_first() -> None:
    found = quietly(loyal(), [BGNBD, NBD], rng=1, n=9)
    assert type(found.best) is NBD
    assert found.test == ("", "likelihood ratio")
    assert 0 <= found.statistic[1] < 4
    assert found.p_value[1] > 0.1


@pytest.mark.parametrize("general", [BGNBD, MBGNBD])
def test_cdnow_needs_dropout(general: Any) -> None:
    test = likelihood_ratio_test(NBD, general, cdnow.exact(), 19, rng=1)
    assert isinstance(test, LikelihoodRatio)
    twice = 2 * (fitted(general).inference.log_likelihood - fitted(NBD).inference.log_likelihood)
    assert test.statistic == pytest.approx(twice, rel=1e-9)
    assert (test.p_value, test.n) == (0.05, 19)


def test_equal_seeds_give_equal_p_values() -> None:
    customers = loyal(150, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeaklyIdentifiedWarning)
        first, again = (likelihood_ratio_test(NBD, BGNBD, customers, 9, rng) for rng in (4, np.random.default_rng(4)))
    assert first == again


def test_a_likelihood_ratio_counts_weights() -> None:
    customers = loyal(200, 2)
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T")}
    double = CustomerSummary(**columns, weights=np.full(200, 2))
    long = CustomerSummary(**{name: np.repeat(column, 2) for name, column in columns.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeaklyIdentifiedWarning)
        ours, theirs = (likelihood_ratio_test(NBD, BGNBD, some, 9, 4) for some in (double, long))
    assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-5)
    assert ours.p_value == theirs.p_value


@pytest.mark.slow
def test_p_values_are_uniform_where_nobody_leaves() -> None:
    p_values = []
    for seed in range(40):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WeaklyIdentifiedWarning)
            p_values.append(likelihood_ratio_test(NBD, BGNBD, loyal(120, seed), 19, seed).p_value)
    found = np.array(p_values)
    # Of 40: 2 at 5 %, 10 at 25 %, 20 at 50 %, and never more than chance makes of it. In half of the data sets the
    # statistic is 0, and the p-value 1.
    assert np.count_nonzero(found <= 0.05) <= 6
    assert np.count_nonzero(found <= 0.25) <= 18
    assert 3 <= np.count_nonzero(found <= 0.5) <= 29
    assert np.all((found * 20) % 1 < 1e-9)


# ---- what is refused


@pytest.mark.parametrize("pair", [(BGNBD, ParetoNBD), (ParetoNBD, BGNBD), (BGNBD, NBD), (NBD, NBD), (BGNBD, MBGNBD)])
def test_models_that_do_not_nest(pair: Any) -> None:
    names = " and ".join(kind.__name__ for kind in pair)
    with pytest.raises(InvalidInputError, match=rf"(?s){names} do not nest: .*Compare other models by `compare`"):
        likelihood_ratio_test(*pair, cdnow.exact(), 19, rng=1)


def test_what_is_no_model_has_no_likelihood_ratio() -> None:
    with pytest.raises(InvalidInputError, match="do not nest"):
        likelihood_ratio_test(NBD, GammaGamma, cdnow.exact(), 19, rng=1)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="do not nest"):
        likelihood_ratio_test("NBD", "BGNBD", cdnow.exact(), 19, rng=1)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="`n` must be a"):
        likelihood_ratio_test(NBD, BGNBD, cdnow.exact(), 0, rng=1)
    with pytest.raises(InvalidInputError, match="`customers` must be a CustomerSummary"):
        likelihood_ratio_test(NBD, BGNBD, [1, 2], 9, rng=1)  # type: ignore[arg-type]


def test_discrete_and_continuous_time_are_not_compared() -> None:
    fake = Discrete(r=0.2, alpha=4.0, a=1.0, b=2.0)
    for models in ([BGNBD, fake], [Discrete, NBD]):
        with pytest.raises(InvalidInputError, match=r"models of discrete and of continuous time .* cannot be compared"):
            compare(cdnow.exact(), models)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["BGNBD", GammaGamma, GammaGamma(p=6, q=4, v=15), 3, None])
def test_what_is_no_purchase_model_is_not_compared(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="`models` must be purchase models or their classes, and one is a "):
        compare(cdnow.exact(), [BGNBD, wrong])


def test_no_models_and_no_customers() -> None:
    with pytest.raises(InvalidInputError, match="`models` must name at least one purchase model"):
        compare(cdnow.exact(), [])
    with pytest.raises(InvalidInputError, match="`customers` must be a CustomerSummary"):
        compare([1, 2], [BGNBD])  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="time unit"):
        compare(cdnow.exact("D"), [fitted(BGNBD)])


def test_a_class_without_a_maximum_is_named_by_its_reason() -> None:
    nobody = CustomerSummary(np.zeros(100), np.zeros(100), np.linspace(1, 39, 100))
    with pytest.raises(ConvergenceError, match="nobody among these 100 customers bought twice"):
        compare(nobody, [BGNBD])


# ---- the object


def test_tables_and_dictionaries() -> None:
    found = of_cdnow()
    names = ["model", "n_parameters", "log_likelihood", "aic", "bic", "at_boundary", "test", "statistic", "p_value"]
    assert list(found.to_frame()) == names
    frame = found.to_frame("pandas")
    assert frame["model"].tolist() == ["MBGNBD", "BGNBD", "ParetoNBD", "NBD"]
    assert frame["test"].tolist() == ["", "Vuong", "Vuong", ""]
    assert found.to_frame("polars").shape == (4, 9)
    with pytest.raises(InvalidInputError, match="backend"):
        found.to_frame("excel")
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert again["p_value"][0] is None
    assert again["p_value"][1] == found.p_value[1]
    assert again["n_parameters"] == [4, 4, 4, 2]


def test_what_a_comparison_says_of_itself() -> None:
    found = of_cdnow()
    lines = repr(found).splitlines()
    assert len(lines) == 5
    assert lines[0].split("  ")[0] == "model"
    assert f"Vuong {found.statistic[1]:.2f}, p = {found.p_value[1]:.3g}" in lines[2]
    assert all(line == line.rstrip() for line in lines)
    html = found._repr_html_()
    assert html.count("<tr>") == 5
    assert html.count("<td>") == 4 * 7
    assert "<td>ParetoNBD</td>" in html
