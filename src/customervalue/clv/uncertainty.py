"""How sure the parameters are, beyond the covariance of a fit: resampling, profiles, and the sandwich."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from customervalue.clv._customer_model import CustomerModel
from customervalue.errors import invalid
from customervalue.estimation import resampling
from customervalue.estimation.draws import check_rows

if TYPE_CHECKING:
    import numpy as np

    from customervalue.estimation.draws import Draws
    from customervalue.estimation.inference import Inference
    from customervalue.summary import CustomerSummary

__all__ = ["bootstrap", "profile_interval", "robust_inference"]

M = TypeVar("M", bound=CustomerModel)


def bootstrap(model: M, customers: CustomerSummary, n: int, rng: np.random.Generator | int | None) -> Draws[M]:
    """Refit a model to resampled customers: how much the estimates would vary from one sample to the next.

    It asks nothing of the model but that customers are independent, where `model.draws` takes the model to be true.

    Parameters
    ----------
    model : purchase or spend model
        Fitted to `customers`; the search for each refit starts from its parameters.
    customers : CustomerSummary, m customers
        Each refit is to m of them, drawn with replacement: numbers of each distinct history, not copies of rows.
    n : int
        How many refits.
    rng : numpy.random.Generator or int
        Source of randomness; an int seeds one.

    Returns
    -------
    Draws
        Refits without a maximum are left out, and counted in `.failed`.

    Raises
    ------
    InvalidInputError
        If `n` is not a whole number > 0, or `customers` do not fit the model.
    ConvergenceError
        If most of the refits have no maximum.

    References
    ----------
    .. [1] Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 6.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    >>> model = cv.clv.BGNBD.fit(customers)
    >>> low, high = cv.clv.bootstrap(model, customers, 50, rng=1).intervals(0.9)["r"]
    >>> round(low, 3), round(high, 3)
    (0.223, 0.27)
    """
    _check(model, customers)
    return resampling.refit(model, model._rows(customers), n, rng)


def profile_interval(
    model: CustomerModel, customers: CustomerSummary, name: str, *, level: float = 0.95
) -> tuple[float, float]:
    """Profile-likelihood interval of one parameter.

    The values of the parameter for which the best choice of the others is nearly as likely as the estimate. Unlike
    `inference.confidence_intervals` it may be lopsided, and open at an end where the data set no bound.

    Parameters
    ----------
    model : purchase or spend model
        Fitted to `customers`.
    customers : CustomerSummary
        Those of the fit.
    name : str
        The parameter.
    level : float
        Between 0 and 1.

    Returns
    -------
    float, float
        0 or infinity where the likelihood never falls far enough on that side.

    Raises
    ------
    InvalidInputError
        If the model has no inference or no parameter of this name, or `customers` are not those of the fit.

    References
    ----------
    .. [1] Venzon & Moolgavkar (1988), Applied Statistics 37(1), 87-94.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    >>> model = cv.clv.BGNBD.fit(customers)
    >>> low, high = cv.clv.profile_interval(model, customers, "a")
    >>> round(low, 3), round(high, 3)
    (0.515, 1.319)
    """
    _check(model, customers)
    rows = model._rows(customers)
    check_rows(model, rows)
    return resampling.profile_interval(model, rows, name, level)


def robust_inference(model: CustomerModel, customers: CustomerSummary) -> Inference:
    """The inference of a fit with the sandwich covariance, which holds even where the model is not quite true.

    Parameters
    ----------
    model : purchase or spend model
        Fitted to `customers`.
    customers : CustomerSummary
        Those of the fit.

    Returns
    -------
    Inference
        As `model.inference`, but for the covariance and what follows from it.

    Raises
    ------
    InvalidInputError
        If the model has no inference, a parameter ran to a boundary, or `customers` are not those of the fit.

    References
    ----------
    .. [1] White (1982), "Maximum likelihood estimation of misspecified models", Econometrica 50(1), 1-25, theorem 3.2.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    >>> model = cv.clv.BGNBD.fit(customers)
    >>> robust = cv.clv.robust_inference(model, customers)
    >>> round(model.inference.standard_errors["a"], 3), round(robust.standard_errors["a"], 3)
    (0.186, 0.181)
    """
    _check(model, customers)
    rows = model._rows(customers)
    check_rows(model, rows)
    return resampling.robust_inference(model, rows)


def _check(model: CustomerModel, customers: CustomerSummary) -> None:
    if not isinstance(model, CustomerModel):
        raise invalid("model", f"`model` must be a fitted model, and is a {type(model).__name__}")
    model._check_customers(customers)
