"""How much the dials of a base turn: a beta-binomial prior of the change, fitted to all customers, and what it adds.

A customer buys at random moments, at a rate of his own l in the reference window and at rho * l in the recent one, for
exposures e0 and e1. Given that he bought n times in both together, how many of these purchases are recent has a
binomial distribution with share p = rho k / (1 + rho k), where k = e1 / e0: the rate l is gone. The share has a beta
prior with mean m = rho0 k / (1 + rho0 k), the share of a customer who turned his dial as the base did, and
concentration c, the same for all: Beta(c m, c (1 - m)). So k enters through the mean alone, as an offset does in a
logistic regression; the posterior is Beta(c m + recent, c (1 - m) + reference), exactly, whatever the exposures; and
rho = p / (1 - p) / k turns its quantiles and tails into those of the ratio. To swap the windows is to swap the two
arguments of every beta distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue.errors import ConvergenceError
from customervalue.estimation.fit import Likelihood, fit
from customervalue.estimation.newton import Evaluation
from customervalue.numerics.gamma import digamma_difference, log_gamma_ratio, trigamma_difference

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from customervalue._typing import FloatArray, IntArray
    from customervalue.estimation.inference import Inference

__all__ = ["NAMES", "Counts", "estimates", "exact_interval", "fit_prior", "group_counts", "likelihood", "posterior"]

#: The parameters of the prior.
NAMES = ("common_ratio", "concentration")
#: With this concentration a customer's own ratio is typically within a factor of three of that of the base.
_TYPICAL = 4.0
_STARTS = (_TYPICAL, 0.5, 60.0)
#: From here on nobody's own change is told from that of the base.
_ALIKE = 1000.0
#: With this one, a customer of a thousand purchases still has the ratio of the base to six digits.
_INFINITE = 1e9


class Counts(NamedTuple):
    """Distinct (reference, recent, k) of customers: purchases in both windows, and the ratio of the exposures.

    `customers` is how many have these; `inverse` leads from each customer to his row.
    """

    reference: FloatArray
    recent: FloatArray
    k: FloatArray
    customers: FloatArray
    inverse: IntArray


def group_counts(reference: IntArray, recent: IntArray, k: FloatArray) -> Counts:
    """Put customers with equal counts and exposures together.

    Examples
    --------
    >>> rows = group_counts(np.array([3, 0, 3]), np.array([1, 2, 1]), np.array([0.5, 0.5, 0.5]))
    >>> rows.reference, rows.recent, rows.customers, rows.inverse
    (array([0., 3.]), array([2., 1.]), array([1., 2.]), array([1, 0, 1]))
    """
    place = np.zeros(reference.size, dtype=np.int64)
    for column in (k, reference, recent):
        values, code = np.unique(column, return_inverse=True)
        # Both factors are at most the number of customers: the product fits.
        place = np.unique(place * values.size + code, return_inverse=True)[1]
    _, first, inverse, customers = np.unique(place, return_index=True, return_inverse=True, return_counts=True)
    before, after, ratio = (column[first].astype(np.float64) for column in (reference, recent, k))
    return Counts(before, after, ratio, customers.astype(np.float64), inverse)


def fit_prior(rows: Counts, prior: Any) -> Inference:
    """Estimate the ratio of the base and the concentration from all customers, by maximum likelihood.

    Parameters
    ----------
    rows : Counts
        Of all customers of the reference window.
    prior : mapping of str to LogNormal, "weak", or None
        Of the two parameters.

    Returns
    -------
    Inference

    Raises
    ------
    ConvergenceError
        If these counts have no maximum.
    """
    told = prior == "weak" or (prior is not None and all(name in prior for name in NAMES))
    if not told:
        _check_told(rows)
    return fit(likelihood(rows), prior=prior)


def estimates(inference: Inference) -> tuple[float, float]:
    """The ratio of the base and the concentration; where the latter runs to infinity, as large as makes no difference.

    Examples
    --------
    >>> from customervalue.estimation.inference import Inference
    >>> found = {"common_ratio": 0.9, "concentration": 3000.0}
    >>> estimates(Inference(found, np.diag([0.01, np.inf]), -9.0, 50, 5, 0.0, at_boundary=("concentration",)))
    (0.9, 1000000000.0)
    """
    common_ratio, concentration = (inference.parameters[name] for name in NAMES)
    # A search stops on the way to infinity, once nothing is left to gain.
    runs_up = "concentration" in inference.at_boundary and concentration > _TYPICAL
    return common_ratio, _INFINITE if runs_up else concentration


def _check_told(rows: Counts) -> None:
    remedy = 'Choose other windows, or give a prior (`prior="weak"`).'
    before, after = float(rows.customers @ rows.reference), float(rows.customers @ rows.recent)
    if before == 0 or after == 0:
        window = "reference" if before == 0 else "recent"
        raise ConvergenceError(
            f"nobody of the {int(rows.customers.sum()):,} customers of the reference window bought in the {window} "
            f"window: the change of the base as a whole has no finite estimate. {remedy}"
        )
    if not np.any(rows.reference + rows.recent > 1):
        raise ConvergenceError(
            "nobody bought more than once in the two windows together: how much customers differ in their change "
            f"cannot be told. {remedy}"
        )


def likelihood(rows: Counts) -> Likelihood:
    """The beta-binomial likelihood of the recent purchases, given those of both windows, ready to be maximized.

    Customers without purchases in either window say nothing, and do not count.

    References
    ----------
    .. [1] Skellam (1948), Journal of the Royal Statistical Society B 10(2), 257-261: the beta-binomial.
    .. [2] Prentice (1986), Journal of the American Statistical Association 81(394), 321-327: its regression.
    """
    some = rows.reference + rows.recent > 0
    n0, n1, k, customers = (column[some] for column in rows[:4])
    size = float(customers.sum())
    # Half a purchase more on either side: a first guess that is never 0 nor infinite.
    pooled = (customers @ n1 + 0.5) / (customers @ (n0 * k) + 0.5 * np.mean(k)) if size else 1.0
    constant = log_gamma_ratio(1.0, n0 + n1) - log_gamma_ratio(1.0, n0) - log_gamma_ratio(1.0, n1)

    def objective(theta: FloatArray) -> Evaluation:
        terms = _derivatives(n0, n1, k, theta)
        value, by_ratio, by_c, second, mixed, second_c = (float(customers @ term) / size for term in terms)
        value += float(customers @ constant) / size
        return Evaluation(value, np.array([by_ratio, by_c]), np.array([[second, mixed], [mixed, second_c]]))

    return Likelihood(
        names=NAMES,
        objective=objective,
        starts=[np.array([pooled, c]) for c in _STARTS],
        units=np.array([pooled, _TYPICAL]),
        n_customers=round(size),
        explain=_explain,
    )


def _derivatives(n0: FloatArray, n1: FloatArray, k: FloatArray, theta: FloatArray) -> tuple[FloatArray, ...]:
    """Log-likelihood of each row, its derivatives by ln rho0 and ln c, and the second ones (11, 12, 22)."""
    odds, c = np.exp(theta[0]) * k, np.exp(theta[1])
    m, other = odds / (1 + odds), 1 / (1 + odds)
    a, b, n = c * m, c * other, n0 + n1
    value = log_gamma_ratio(a, n1) + log_gamma_ratio(b, n0) - log_gamma_ratio(c, n)
    one, two, both = digamma_difference(a, n1), digamma_difference(b, n0), digamma_difference(c, n)
    bend_one, bend_two, bend_both = trigamma_difference(a, n1), trigamma_difference(b, n0), trigamma_difference(c, n)
    q = c * m * other  # how a rises, and b falls, with ln rho0
    by_ratio = q * (one - two)
    by_c = a * one + b * two - c * both
    second = by_ratio * (other - m) + q * q * (bend_one + bend_two)
    mixed = by_ratio + q * (a * bend_one - b * bend_two)
    second_c = by_c + a * a * bend_one + b * b * bend_two - c * c * bend_both
    return value, by_ratio, by_c, second, mixed, second_c


def _explain(estimates: Mapping[str, float], untold: Collection[str]) -> str:
    if "common_ratio" in untold:
        return "how the base as a whole changed is open, and so is every shrunk ratio"
    if estimates["concentration"] > _ALIKE:
        return (
            "they differ hardly more in how their rates changed than chance alone would have it, and the shrunk ratios "
            "hardly differ from that of the base"
        )
    return "how much they differ in how their rates changed is open, and so is how far each ratio is to be shrunk"


class Posterior(NamedTuple):
    """Of the ratio, for each row: median, ends of the central interval, and probabilities of having moved."""

    median: FloatArray
    low: FloatArray
    high: FloatArray
    up: FloatArray
    down: FloatArray


def posterior(rows: Counts, common_ratio: float, concentration: float, factor: float, level: float) -> Posterior:
    """What a prior and a customer's own purchases say of his ratio.

    Parameters
    ----------
    rows : Counts
    common_ratio, concentration : float
        The prior.
    factor : float
        A dial has moved up if the ratio exceeds this, down if it is below 1 / `factor`.
    level : float
        Of the interval.

    Returns
    -------
    Posterior
        Arrays of shape (rows,).
    """
    from scipy.special import betainc

    odds = common_ratio * rows.k
    a = concentration * (odds / (1 + odds)) + rows.recent
    b = concentration / (1 + odds) + rows.reference
    tail = 0.5 - 0.5 * level
    median, low, high = (_ratio(a, b, quantile) / rows.k for quantile in (0.5, tail, 1 - tail))
    above, below = factor * rows.k, rows.k / factor
    # The tail above is the one of 1 - p below: the two mirror one another, and small ones keep their digits.
    up, down = betainc(b, a, 1 / (1 + above)), betainc(a, b, below / (1 + below))
    return Posterior(median, low, high, np.asarray(up, np.float64), np.asarray(down, np.float64))


def _ratio(a: FloatArray, b: FloatArray, quantile: float) -> FloatArray:
    """Quantile of p / (1 - p) for p ~ Beta(a, b); p and 1 - p are found each for itself, so that neither cancels."""
    from scipy.special import betainccinv, betaincinv

    with np.errstate(divide="ignore"):
        return np.asarray(betaincinv(a, b, quantile) / betainccinv(b, a, quantile), dtype=np.float64)


def exact_interval(rows: Counts, level: float) -> tuple[FloatArray, FloatArray]:
    """Interval of each ratio from the customer's own purchases alone; from 0 to infinity where there are none.

    Parameters
    ----------
    rows : Counts
    level : float
        At least this share of such intervals holds the truth.

    Returns
    -------
    low, high : ndarray of float64, shape (rows,)

    References
    ----------
    .. [1] Clopper & Pearson (1934), Biometrika 26(4), 404-413.
    .. [2] Przyborowski & Wilenski (1940), Biometrika 31(3/4), 313-323: two Poisson rates, given their total.

    Examples
    --------
    >>> low, high = exact_interval(group_counts(np.array([8]), np.array([2]), np.array([1.0])), 0.95)
    >>> low.round(4), high.round(4)
    (array([0.0259]), array([1.2527]))
    """
    tail = 0.5 - 0.5 * level
    n0, n1 = rows.reference, rows.recent
    low, high = np.zeros(n0.size), np.full(n0.size, np.inf)
    some, rest = n1 > 0, n0 > 0
    low[some] = _ratio(n1[some], n0[some] + 1, tail) / rows.k[some]
    high[rest] = _ratio(n1[rest] + 1, n0[rest], 1 - tail) / rows.k[rest]
    return low, high
