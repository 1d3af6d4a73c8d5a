"""Models from lifetimes and back: the same parameters, the same predictions, and errors that say what is wrong."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from customervalue import CustomerSummary, clv
from customervalue.errors import AssumptionWarning, InvalidInputError
from customervalue.interop import from_lifetimes, to_lifetimes
from reference import cdnow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # lifetimes is archived: what it says at import is no news
    import lifetimes

Array = NDArray[Any]

# What the hypergeometric functions of lifetimes leave: 9e-13 on these data, most of it at the horizon of 1.
LIFETIMES_DIGITS = 1e-11
# lifetimes stops where the change of its function is small: 1e-6 for most, 1e-4 for the simplex of Pareto/NBD.
LIFETIMES_OPTIMUM = {"BGNBD": 2e-5, "MBGNBD": 2e-5, "ParetoNBD": 1e-3, "BGBB": 2e-4, "GammaGamma": 2e-5}

FITTERS = {
    "BGNBD": "BetaGeoFitter",
    "MBGNBD": "ModifiedBetaGeoFitter",
    "ParetoNBD": "ParetoNBDFitter",
    "BGBB": "BetaGeoBetaBinomFitter",
    "GammaGamma": "GammaGammaFitter",
}
PARAMETERS = {
    "BGNBD": {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
    "MBGNBD": {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614},
    "ParetoNBD": {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669},
    "BGBB": {"alpha": 1.204, "beta": 0.750, "gamma": 0.657, "delta": 2.783},
    "GammaGamma": {"p": 6.25, "q": 3.74, "v": 15.44},
}
ALL = list(FITTERS)
IN_TIME = ["BGNBD", "MBGNBD", "ParetoNBD"]
COVARIANCES = ["BGNBD", "MBGNBD", "GammaGamma"]


def model_of(name: str, **options: Any) -> Any:
    return getattr(clv, name)(**PARAMETERS[name], **options)


def donations() -> CustomerSummary:
    """The six years of donations of the BG/BB paper, as lifetimes has them."""
    table = pd.read_csv(cdnow.lifetimes_file("donations.csv"))
    return CustomerSummary(
        table["frequency"], table["recency"], table["periods"], weights=table["weights"], time_unit="Y"
    )


def data_for(name: str) -> CustomerSummary:
    customers = donations() if name == "BGBB" else cdnow.rounded()
    return customers[customers.frequency > 0] if name == "GammaGamma" else customers


def fitted(name: str, **options: Any) -> Any:
    """What lifetimes fits to the data it ships."""
    customers, fitter = data_for(name), getattr(lifetimes, FITTERS[name])(**options)
    columns: tuple[Any, ...] = (customers.frequency, customers.recency, customers.T)
    extras = {}
    if name == "GammaGamma":
        columns = (customers.frequency, customers.monetary_value)
    if name == "BGBB":
        columns, extras = tuple(column.astype(int) for column in columns), {"weights": customers.weights}
    if name == "ParetoNBD":
        extras = {"initial_params": np.ones(4)}  # else they are drawn at random
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitter.fit(*columns, **extras)


def problems_of(*arguments: Any, **options: Any) -> list[str]:
    """What is wrong with a call, as the rules that it breaks."""
    with pytest.raises(InvalidInputError) as caught:
        from_lifetimes(*arguments, **options)
    return [problem.rule for problem in caught.value.problems]


# ---- from lifetimes


@pytest.mark.parametrize("name", ALL)
def test_fitted_fitter(name: str) -> None:
    fitter = fitted(name)
    model = from_lifetimes(fitter)
    assert type(model) is getattr(clv, name)
    assert model.parameters == fitter.params_.to_dict()
    assert all(type(value) is float for value in model.parameters.values())
    assert model.inference is None


@pytest.mark.parametrize("name", ALL)
def test_fitted_fitter_is_near_our_fit(name: str) -> None:
    ours = getattr(clv, name).fit(data_for(name))
    assert from_lifetimes(fitted(name)).parameters == pytest.approx(ours.parameters, rel=LIFETIMES_OPTIMUM[name])


@pytest.mark.parametrize("make", [dict, pd.Series], ids=["dict", "Series"])
@pytest.mark.parametrize("name", ALL)
def test_parameters_by_name(name: str, make: Callable[[Any], Any]) -> None:
    shuffled = {key: np.float64(PARAMETERS[name][key]) for key in reversed(PARAMETERS[name])}
    assert from_lifetimes(make(shuffled), model=getattr(clv, name)) == model_of(name)
    if name not in ("BGNBD", "MBGNBD"):
        assert from_lifetimes(make(shuffled)) == model_of(name)


@pytest.mark.parametrize("name", ALL)
def test_time_unit_is_the_callers(name: str) -> None:
    model = from_lifetimes(PARAMETERS[name], model=getattr(clv, name), time_unit="D")
    assert getattr(model, "time_unit", "D") == "D"


@pytest.mark.parametrize("save_data", [True, False])
def test_saved_model(tmp_path: Path, save_data: bool) -> None:
    fitter, loaded = fitted("MBGNBD"), lifetimes.ModifiedBetaGeoFitter()
    fitter.save_model(tmp_path / "model.pkl", save_data=save_data, save_generate_data_method=save_data)
    loaded.load_model(tmp_path / "model.pkl")
    assert from_lifetimes(loaded) == from_lifetimes(fitter)


def test_subclass_of_a_fitter() -> None:
    class Ours(lifetimes.ModifiedBetaGeoFitter):  # type: ignore[misc]
        pass

    fitter = Ours()
    fitter.params_ = PARAMETERS["MBGNBD"]
    assert from_lifetimes(fitter) == model_of("MBGNBD")


def test_penalized_fit_warns() -> None:
    fitter = fitted("BGNBD", penalizer_coef=0.01)
    with pytest.warns(AssumptionWarning, match=r"penalizer_coef = 0\.01.*not the maximum of the likelihood") as told:
        model = from_lifetimes(fitter)
    assert told[0].filename == __file__
    assert model.parameters == fitter.params_.to_dict()


# ---- what cannot be a model


def test_r_alpha_a_b_need_a_model() -> None:
    (rule,) = problems_of(PARAMETERS["BGNBD"])
    assert rule == "r, alpha, a, b are the parameters of BG/NBD and of MBG/NBD alike: `model` must say which"
    with pytest.raises(InvalidInputError, match=r"Pass `model=clv\.BGNBD` if .* `model=clv\.MBGNBD` if"):
        from_lifetimes(PARAMETERS["BGNBD"])


@pytest.mark.parametrize("name", ALL)
def test_unfitted_fitter(name: str) -> None:
    fitter = getattr(lifetimes, FITTERS[name])()
    assert problems_of(fitter) == [f"this {FITTERS[name]} is not fitted: it has no `params_`"]


@pytest.mark.parametrize("thing", [None, 3.0, "BetaGeoFitter", [0.2, 4.4, 0.8, 2.4], lifetimes.BetaGeoFitter])
def test_what_is_no_fitter(thing: object) -> None:
    (rule,) = problems_of(thing)
    assert re.fullmatch(r"`fitter` must be a fitter of lifetimes or a mapping of parameters, and is a \w+", rule)


def test_model_of_another_fitter() -> None:
    (rule,) = problems_of(to_lifetimes(model_of("MBGNBD")), model=clv.BGNBD)
    assert rule == "a ModifiedBetaGeoFitter holds the parameters of clv.MBGNBD, not of clv.BGNBD"


@pytest.mark.parametrize(("model", "shown"), [(clv.NBD, "NBD"), ("BGNBD", "'BGNBD'"), (dict, "dict")])
def test_model_without_a_fitter(model: Any, shown: str) -> None:
    (rule,) = problems_of(PARAMETERS["ParetoNBD"], model=model)
    assert rule == f"`model` must be a class that lifetimes has a fitter for, and is {shown}"


def test_names_of_no_model() -> None:
    assert problems_of({}) == ["no model of lifetimes has just the parameters (none)"]
    with pytest.raises(InvalidInputError, match=r"(?s)r, alpha, s\..*ParetoNBD has r, alpha, s, beta"):
        from_lifetimes({"r": 0.5, "alpha": 10.0, "s": 0.6})


def test_everything_wrong_is_said_at_once() -> None:
    given = {"r": -0.1, "alpha": "much", "a": np.nan, "s": 0.6}
    assert problems_of(given, model=clv.BGNBD, time_unit="weeks") == [
        "BGNBD has no parameter `s`",
        "`r` must be a positive number, and is -0.1",
        "`alpha` must be a positive number, and is 'much'",
        "`a` must be a positive number, and is nan",
        "the parameter `b` of BGNBD is missing",
        "`time_unit` must be one of D, W, M, Y, and is 'weeks'",
    ]
    ambiguous = problems_of({"r": 0, "alpha": 10**400, "a": np.inf, "b": np.float64(-2)})
    assert [rule.rpartition(" ")[2] for rule in ambiguous] == ["which", "0.0", str(10**400), "inf", "-2.0"]


def test_fitter_that_went_astray() -> None:
    fitter = lifetimes.GammaGammaFitter()
    fitter.params_ = pd.Series({"p": 6.25, "q": np.nan, "v": 0.0})
    found = problems_of(fitter)
    assert found == ["`q` must be a positive number, and is nan", "`v` must be a positive number, and is 0.0"]


# ---- to lifetimes


@pytest.mark.parametrize("name", ALL)
def test_there_and_back(name: str) -> None:
    model = model_of(name) if name == "GammaGamma" else model_of(name, time_unit="M")
    fitter = to_lifetimes(model)
    assert type(fitter).__name__ == FITTERS[name]
    assert list(fitter.params_.index) == list(fitted(name).params_.index)
    assert from_lifetimes(fitter, time_unit="M") == model


@pytest.mark.parametrize("name", ALL)
def test_fitter_has_the_calls_of_a_fitted_one(name: str) -> None:
    assert hasattr(to_lifetimes(model_of(name)), "predict") == hasattr(fitted(name), "predict")
    assert "fitted with" not in repr(to_lifetimes(model_of(name)))


@pytest.mark.parametrize("thing", [clv.NBD(r=0.4, alpha=8.0), clv.BGNBD, None, PARAMETERS["BGNBD"]])
def test_what_lifetimes_has_no_fitter_for(thing: object) -> None:
    with pytest.raises(InvalidInputError, match="lifetimes has no fitter for what is given, a"):
        to_lifetimes(thing)


def test_without_lifetimes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lifetimes", None)
    with pytest.raises(ModuleNotFoundError, match=re.escape("pip install 'customervalue[lifetimes]'")):
        to_lifetimes(model_of("BGNBD"))
    assert from_lifetimes(PARAMETERS["ParetoNBD"]) == model_of("ParetoNBD")


def run(code: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_import_does_not_import_lifetimes() -> None:
    use = "cv.interop.from_lifetimes({'p': 6.0, 'q': 4.0, 'v': 15.0})"
    run(f"import sys, customervalue as cv; {use}; assert not {{'lifetimes', 'pandas'}} & set(sys.modules)")


def test_filters_of_warnings_stay() -> None:
    use = "cv.interop.to_lifetimes(cv.clv.GammaGamma(p=6.0, q=4.0, v=15.0))"
    # pandas and SciPy, which lifetimes imports, add filters of their own; autograd and dill do not.
    before = "import warnings, pandas, scipy.stats, customervalue as cv; cv.clv; kept = list(warnings.filters)"
    run(f"{before}; {use}; assert warnings.filters == kept")


# ---- the same predictions


@pytest.mark.parametrize("name", IN_TIME)
def test_predictions_are_those_of_lifetimes(name: str) -> None:
    customers, model = cdnow.rounded(), model_of(name)
    columns, fitter = (customers.frequency, customers.recency, customers.T), to_lifetimes(model)
    np.testing.assert_allclose(
        model.probability_alive(customers), fitter.conditional_probability_alive(*columns), rtol=LIFETIMES_DIGITS
    )
    for horizon in (1.0, 39.0, 200.0):
        expected = fitter.predict(horizon, *columns)
        np.testing.assert_allclose(model.expected_purchases(customers, horizon), expected, rtol=LIFETIMES_DIGITS)
    times = np.array([1.0, 10.0, 78.0])
    expected = fitter.expected_number_of_purchases_up_to_time(times)
    np.testing.assert_allclose(model.expected_purchases_new(times), expected, rtol=LIFETIMES_DIGITS)


@pytest.mark.parametrize("name", ["BGNBD", "MBGNBD"])
def test_probabilities_of_purchases_are_those_of_lifetimes(name: str) -> None:
    model = model_of(name)
    fitter = to_lifetimes(model)
    for n in range(6):
        expected = float(fitter.probability_of_n_purchases_up_to_time(30, n))
        # 1 - sum of counts loses the digits of what is left.
        assert model.probability_of_purchases(n, 30.0) == pytest.approx(expected, rel=1e-10)


def test_probabilities_of_purchases_of_customers_are_those_of_lifetimes() -> None:
    customers, model = cdnow.rounded()[np.arange(50)], model_of("ParetoNBD")
    fitter = to_lifetimes(model)
    for n in range(4):
        columns = (customers.frequency, customers.recency, customers.T)
        expected = fitter.conditional_probability_of_n_purchases_up_to_time(n, 30, *columns)
        # A difference of sums, in which what is small loses digits.
        np.testing.assert_allclose(
            model.probability_of_purchases(n, 30.0, customers=customers), expected, rtol=1e-8, atol=1e-12
        )


def test_bg_bb_predictions_are_those_of_lifetimes() -> None:
    customers, model = donations(), model_of("BGBB", time_unit="Y")
    columns, fitter = (
        [c.astype(int) for c in (customers.frequency, customers.recency, customers.T)],
        to_lifetimes(model),
    )
    # Alive is who will be there for the next opportunity: 1 from now on in lifetimes, 0 here. lifetimes adds 1e-15 to
    # a sum that is as small as 1e-4.
    np.testing.assert_allclose(
        model.probability_alive(customers), fitter.conditional_probability_alive(1, *columns), rtol=1e-9
    )
    for periods in (1, 5, 50):
        expected = fitter.conditional_expected_number_of_purchases_up_to_time(periods, *columns)
        np.testing.assert_allclose(model.expected_purchases(customers, periods), expected, rtol=1e-9)


def test_spend_is_that_of_lifetimes() -> None:
    customers, model = cdnow.rounded(), model_of("GammaGamma")
    expected = to_lifetimes(model).conditional_expected_average_profit(customers.frequency, customers.monetary_value)
    np.testing.assert_allclose(model.expected_spend(customers), expected, rtol=1e-12)


def test_lifetime_value_of_lifetimes_from_our_models() -> None:
    # Month by month as lifetimes has it, with our expectations: its factor for weeks, and payment at the month's end.
    customers = cdnow.rounded()
    purchases, spending = model_of("BGNBD"), model_of("GammaGamma")
    columns = (pd.Series(c) for c in (customers.frequency, customers.recency, customers.T, customers.monetary_value))
    theirs = to_lifetimes(spending).customer_lifetime_value(
        to_lifetimes(purchases), *columns, time=12, discount_rate=0.01, freq="W"
    )
    month = 4.345
    ours = sum(
        purchases.expected_purchases(customers, month, after=month * i) / 1.01 ** (i + 1) for i in range(12)
    ) * spending.expected_spend(customers)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


# ---- what the page on moving says of their standard errors


@pytest.mark.parametrize("name", COVARIANCES)
def test_covariance_of_lifetimes_is_wrong_off_the_diagonal(name: str) -> None:
    fitter, ours = fitted(name), getattr(clv, name).fit(data_for(name))
    theirs, values = fitter.variance_matrix_.to_numpy(), fitter.params_.to_numpy()
    # The standard errors agree ...
    np.testing.assert_allclose(np.diag(theirs), np.diag(ours.inference.covariance), rtol=1e-4)
    # ... and the rest does where each column is multiplied by the quotient that is missing: it was scaled by the
    # square of one parameter, not by the product of two.
    np.testing.assert_allclose(theirs * np.divide.outer(values, values), ours.inference.covariance, rtol=1e-3)
    worst = np.abs(theirs / ours.inference.covariance).max()
    assert worst > math.sqrt(values.max() / values.min())
