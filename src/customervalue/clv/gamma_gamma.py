"""Gamma-Gamma: what a customer spends per transaction, the mean of few transactions drawn towards that of all."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from customervalue.clv._customer_model import CustomerModel
from customervalue.clv._spend_inference import SpendInference, with_correlation
from customervalue.errors import AssumptionWarning, ConvergenceError, InvalidInputError, Problem, invalid
from customervalue.estimation.fit import Likelihood, fit
from customervalue.estimation.newton import Evaluation
from customervalue.numerics.compress import group_codes, totals
from customervalue.numerics.gamma import digamma_difference, log_gamma_ratio, trigamma_difference
from customervalue.numerics.ranks import RankCorrelation, rank_correlation
from customervalue.summary import check_summary
from customervalue.units import check_times

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from customervalue._typing import BoolArray, FloatArray, IntArray
    from customervalue.estimation.inference import Inference
    from customervalue.estimation.priors import LogNormal
    from customervalue.summary import CustomerSummary

__all__ = ["GammaGamma", "SpendInference", "checked_spend", "draw_scales", "draw_values"]

#: Rows of a batch: its arrays stay in the second-level cache, and its products are too small to wake BLAS threads.
_BATCH = 8_192
#: A rank correlation of spend with frequency is not small where its whole interval lies beyond this. A choice, not a
#: finding: it was set with CDNOW in view, 0.21 (0.14 to 0.27), which a limit of 0.1 would warn of.
_SMALL = 0.2


@dataclass(frozen=True)
class GammaGamma(CustomerModel):
    """Gamma-Gamma model of spend per transaction.

    A customer's transactions have values ~ Gamma(p, nu) with his own nu ~ Gamma(q, v); how much he spends does not
    depend on how often he buys.

    Parameters
    ----------
    p : float
        Shape of the values of one customer's transactions: the larger, the more alike they are.
    q : float
        Shape of the spread between customers: the smaller, the more they differ. The mean of all customers exists
        only for q > 1.
    v : float
        Scale of the spread between customers, in money (gamma in the papers).
    inference : SpendInference, optional
        What the fit knows of the parameters; None for a model made from its parameters.

    Raises
    ------
    InvalidInputError
        If a parameter is not positive and finite.

    References
    ----------
    .. [1] Fader & Hardie (2013), "The gamma-gamma model of monetary value", brucehardie.com/notes/025, eqs. (1a), (5).
    .. [2] Fader, Hardie & Lee (2005), Journal of Marketing Research 42(4), 415-430, appendix.

    Examples
    --------
    >>> from customervalue import CustomerSummary
    >>> model = GammaGamma(p=6.25, q=3.74, v=15.44)
    >>> customers = CustomerSummary(frequency=[2, 0], recency=[30, 0], T=[39, 39], monetary_value=[22.35, 0])
    >>> model.expected_spend(customers).round(2)
    array([24.66, 35.22])
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("p", "q", "v")

    p: float
    q: float
    v: float
    inference: SpendInference | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._check_parameters()

    def __repr__(self) -> str:
        return f"GammaGamma({', '.join(f'{name}={value:.4g}' for name, value in self.parameters.items())})"

    @classmethod
    def _inference_type(cls) -> type[Inference]:
        return SpendInference

    @classmethod
    def fit(
        cls,
        customers: CustomerSummary,
        *,
        prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
        start: Mapping[str, float] | None = None,
    ) -> Self:
        """Estimate the parameters by maximum likelihood, from the customers with repeat transactions.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            With `monetary_value`. Those without a transaction in it (frequency 0) say nothing and are left aside.
        prior : mapping of str to LogNormal, or "weak", optional
            Prior knowledge of some or all parameters; `v` in money. "weak" is `LogNormal(unit, 1.5)` for every
            parameter, where the unit is 1, or the mean spend for v: 95 % within a factor of 19, in any currency.
        start : mapping of str to float, optional
            Where to begin the search, for every parameter; found from the data by default.

        Returns
        -------
        GammaGamma
            With `.inference`: also how many customers were used and the rank correlation of spend with frequency.

        Raises
        ------
        InvalidInputError
            If there is no `monetary_value`, a customer with repeat transactions has a mean spend that is zero or
            negative, or fewer than three customers have any.
        ConvergenceError
            If the likelihood has no maximum, as when all customers spend the same.

        Warns
        -----
        AssumptionWarning
            If spend depends on frequency more than a little (the interval of the rank correlation lies wholly beyond
            0.2 either way; look at `.inference.frequency_correlation` for less), or the fitted mean spend does not
            exist (q <= 1).
        WeaklyIdentifiedWarning
            If the likelihood is flat in some direction; the message says which and what it means.

        Notes
        -----
        The log-likelihood is that of the mean value m; papers that use the density of the total have ln x less for
        each customer.

        Examples
        --------
        >>> import customervalue as cv
        >>> log = cv.datasets.load_cdnow()
        >>> customers = cv.summarize(log, value="value", observation_end="1997-09-30")
        >>> model = GammaGamma.fit(customers)
        >>> model, model.inference.n_customers
        (GammaGamma(p=6.25, q=3.744, v=15.44), 946)
        """
        rows = cls._rows(customers)
        if np.ptp(rows.mean) == 0:
            rule = f"all {rows.mean.size:,} customers have the same mean spend"
            raise ConvergenceError(f"{rule}: the likelihood rises for ever as their spread goes to zero.")
        plain = fit(cls._likelihood(rows), prior=prior, start=start)
        inference = with_correlation(plain, rank_correlation(rows.x, rows.mean, rows.counts))
        model = cls(**inference.parameters, inference=inference)
        model._warn(inference.frequency_correlation)
        return model

    def _warn(self, correlation: RankCorrelation) -> None:
        if max(correlation.low, -correlation.high) > _SMALL:
            direction = "more" if correlation.estimate > 0 else "less"
            warnings.warn(
                f"frequent buyers spend {direction} per transaction: the rank correlation of frequency and mean spend "
                f"is {correlation}. Gamma-Gamma assumes none, so that lifetime values are off for the most and the "
                "least frequent buyers; fit segments of similar frequency apart, or hold out and compare.",
                AssumptionWarning,
                stacklevel=3,
            )
        if self.q <= 1:
            warnings.warn(
                f"{self._no_mean()} Predictions for customers with few transactions raise.",
                AssumptionWarning,
                stacklevel=3,
            )

    def _no_mean(self) -> str:
        return f"q = {self.q:.4g} <= 1: customers differ so much in spend that the mean of all of them does not exist."

    @property
    def population_mean(self) -> float:
        """Mean spend per transaction over all customers, p v / (q - 1), in money.

        Raises
        ------
        InvalidInputError
            If it does not exist (q <= 1).
        """
        if self.q <= 1:
            advice = "With few data, a log-normal `prior` for q at the fit keeps it above 1."
            raise invalid("q", self._no_mean().rstrip("."), advice)
        return self.p * self.v / (self.q - 1)

    def log_likelihood(self, customers: CustomerSummary) -> FloatArray:
        """Log-density of each customer's mean spend; 0 for customers without transactions in it.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            With `monetary_value`.

        Returns
        -------
        ndarray of float64, shape (n,)
            Of one customer, whatever the weight of the row.

        Raises
        ------
        InvalidInputError
            If there is no `monetary_value`, or it is zero or negative for a customer with repeat transactions.

        References
        ----------
        .. [1] Fader & Hardie (2013), brucehardie.com/notes/025, eq. (1a).

        Examples
        --------
        >>> from customervalue import CustomerSummary
        >>> customer = CustomerSummary(frequency=2, recency=30, T=39, monetary_value=22.35)
        >>> GammaGamma(p=6.25, q=3.74, v=15.44).log_likelihood(customer).round(4)
        array([-3.5513])
        """
        mean, count = checked_spend(customers)
        some = count > 0
        values = np.zeros(len(customers))
        values[some] = self._row_log_likelihood(_Spenders(count[some], mean[some], np.ones(0)))
        return values

    @classmethod
    def _rows(cls, data: CustomerSummary) -> _Spenders:
        return _spenders(data)

    @classmethod
    def _likelihood(cls, rows: _Spenders) -> Likelihood:
        return _likelihood(rows.x, rows.mean, rows.counts)

    def _row_log_likelihood(self, rows: _Spenders) -> FloatArray:
        x, m = rows.x.astype(np.float64), rows.mean
        distinct, place = np.unique(x, return_inverse=True)
        gammas = log_gamma_ratio(self.p * distinct, self.q) - math.lgamma(self.q)
        ratio = self.v / (m * x)
        return np.asarray(gammas[place] - self.q * np.log1p(1 / ratio) - self.p * x * np.log1p(ratio) - np.log(m))

    def expected_spend(self, customers: CustomerSummary) -> FloatArray:
        """Expected mean spend per transaction, given each customer's own mean: E[M | x, m].

        Parameters
        ----------
        customers : CustomerSummary, n customers
            With `monetary_value`. Customers without a transaction in it get the population mean.

        Returns
        -------
        ndarray of float64, shape (n,)
            In money; between the customer's own mean and that of the population where the latter exists.

        Raises
        ------
        InvalidInputError
            If there is no `monetary_value`, it is zero or negative for a customer with repeat transactions, or the
            expectation does not exist for some customers (p x + q <= 1).

        References
        ----------
        .. [1] Fader & Hardie (2013), brucehardie.com/notes/025, eq. (5).

        Examples
        --------
        >>> from customervalue import CustomerSummary
        >>> customer = CustomerSummary(frequency=7, recency=29.43, T=38.86, monetary_value=73.74)
        >>> GammaGamma(p=6.25, q=3.74, v=15.44).expected_spend(customer).round(2)
        array([71.47])
        """
        mean, count = checked_spend(customers)
        denominator = self.p * count + (self.q - 1)
        undefined = denominator <= 0
        if np.any(undefined):
            lacking = int(np.count_nonzero(undefined))
            advice = "Fit with a log-normal `prior` for q, or predict only for customers with more transactions."
            problem = Problem("q", self._no_mean().rstrip("."), advice, lacking, f"row {int(np.argmax(undefined))}")
            raise InvalidInputError("the expected spend", [problem], len(customers))
        return self.p * (self.v + mean * count) / denominator

    def simulate(self, frequency: Any, rng: np.random.Generator | int | None) -> FloatArray:
        """Draw the mean spend of customers with so many transactions.

        Parameters
        ----------
        frequency : array_like of int, shape (n,)
            Transactions of each customer.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.

        Returns
        -------
        ndarray of float64, shape (n,)
            Mean value of the transactions of each customer, in money; 0 where there are none.

        Raises
        ------
        InvalidInputError
            If `frequency` does not hold whole numbers >= 0.

        Examples
        --------
        >>> GammaGamma(p=6.25, q=3.74, v=15.44).simulate([0, 1, 20], rng=1).round(2)
        array([ 0.  , 17.92, 18.53])
        """
        given = np.atleast_1d(check_times("frequency", frequency))
        if np.any(given != np.floor(given)):
            raise invalid("frequency", "`frequency` must hold whole numbers of transactions")
        source, count = np.random.default_rng(rng), given.astype(np.int64)
        scale = draw_scales(self, source, np.zeros_like(count), np.zeros(count.size))
        some = np.flatnonzero(count)
        mean = np.zeros(count.size)
        mean[some] = draw_values(self, source, scale[some], count[some]) / count[some]
        return mean


def draw_scales(model: GammaGamma, rng: np.random.Generator, count: IntArray, mean: FloatArray) -> FloatArray:
    """Each customer's own nu, drawn given `count` transactions with this mean."""
    return np.asarray(rng.gamma(model.q + model.p * count) / (model.v + count * mean))


def draw_values(model: GammaGamma, rng: np.random.Generator, scale: FloatArray, count: Any) -> FloatArray:
    """Total value of `count` transactions of customers with these nu."""
    return np.asarray(rng.gamma(model.p * count, size=scale.size) / scale)


def checked_spend(customers: CustomerSummary) -> tuple[FloatArray, IntArray]:
    """Mean spend and number of transactions in it, once every customer with any has spent something."""
    check_summary(customers)
    mean, count = customers.monetary_value, customers.spend_count
    if mean is None:
        advice = 'Name the spend column: summarize(..., value="amount").'
        raise invalid("monetary_value", "the Gamma-Gamma model needs the mean spend of each customer", advice)
    useless: BoolArray = (count > 0) & (mean <= 0)
    if np.any(useless):
        row = int(np.argmax(useless))
        rule = "the mean spend of a customer with repeat transactions must be positive"
        advice = (
            "Leave these customers out (customers[customers.monetary_value > 0]) and count them, clean the log "
            '(on_negative="drop", free orders), or set a smallest value yourself; the model cannot hold them.'
        )
        first = f"row {row}, monetary_value={mean[row]:g}"
        problem = Problem("monetary_value", rule, advice, int(np.count_nonzero(useless)), first)
        raise InvalidInputError("the Gamma-Gamma data", [problem], len(customers))
    return mean, count


@dataclass(frozen=True)
class _Spenders:
    """Those who say something about spend: transactions, mean spend, and how many customers each row stands for."""

    x: IntArray
    mean: FloatArray
    counts: FloatArray


def _spenders(customers: CustomerSummary) -> _Spenders:
    mean, count = checked_spend(customers)
    some = np.flatnonzero((count if customers.weights is None else count * customers.weights) > 0)
    weight = np.ones(some.size) if customers.weights is None else customers.weights[some].astype(np.float64)
    if (found := round(weight.sum())) < len(GammaGamma.parameter_names):
        rule = f"three parameters need at least three customers with repeat transactions, and there are {found}"
        raise invalid("customers", rule, "Observe the customers for longer.")
    return _Spenders(count[some], mean[some], weight)


def _likelihood(x: IntArray, m: FloatArray, weight: FloatArray) -> Likelihood:
    """The likelihood of mean spends `m` over `x` transactions, each standing for `weight` customers."""
    n = float(weight.sum())
    groups = group_codes(x, int(x.max()) + 1)
    distinct, weight_of = groups.codes, totals(groups.inverse, weight, groups.codes.size)
    constant = float(np.sum(weight * np.log(m)))
    log_total = constant + float(weight_of @ np.log(distinct))
    scale = float(np.average(m, weights=weight))
    inverse_total = 1 / (m * x)

    def evaluate(theta: FloatArray) -> Evaluation:
        p, q, v = np.exp(theta)
        sums = np.zeros((2, 3))
        for start in range(0, x.size, _BATCH):
            rows = slice(start, start + _BATCH)
            sums += _spend_sums(inverse_total[rows], x[rows], weight[rows], v)
        at = _spend_terms(p, q, distinct, weight_of, sums, log_total - n * math.log(v))
        return Evaluation((at.value - constant) / n, at.gradient / n, at.hessian / n)

    alike = max(scale**2 / float(np.average((m - scale) ** 2, weights=weight)), 10.0)
    shapes = ((3.0, 4.0), (1.0, 2.0), (20.0, 3.0), (3.0, 30.0), (alike, alike))
    starts = [np.array([p, q, scale * (q - 1) / p]) for p, q in shapes]
    return Likelihood(GammaGamma.parameter_names, evaluate, starts, np.array([1.0, 1.0, scale]), round(n), _explain)


def _explain(estimates: Mapping[str, float], untold: Collection[str]) -> str:
    """What it means that the data do not tell these parameters."""
    said = []
    if "p" in untold:
        alike = estimates["p"] > 1
        said.append(
            f"the transactions of one customer {'hardly differ' if alike else 'differ without measure'} in value"
        )
    if "q" in untold:
        said.append("customers hardly differ in what they spend")
    return "; ".join(said or ["the scale of spend is known only together with its spread"])


def _spend_sums(inverse_total: FloatArray, x: IntArray, weight: FloatArray, v: float) -> FloatArray:
    """Weighted sums over rows of ln(1 + v/S), k and k**2, k = S / (v + S), plain and times x; shape (2, 3)."""
    values = np.empty((3, inverse_total.size))
    stretched = 1 + v * inverse_total
    np.log(stretched, out=values[0])
    np.divide(1.0, stretched, out=values[1])
    np.multiply(values[1], values[1], out=values[2])
    return np.asarray(np.stack([weight, weight * x]) @ values.T)


def _spend_terms(
    p: float, q: float, x: IntArray, weight: FloatArray, sums: FloatArray, log_scaled: float
) -> Evaluation:
    """Log-likelihood with derivatives by ln p, ln q and ln v; `log_scaled` is the sum of ln(S / v)."""
    from scipy.special import polygamma

    (logs, kept, kept_2), (x_logs, x_kept, x_kept_2) = sums
    total_logs = log_scaled + logs  # ln(1 + S/v) = ln(S/v) + ln(1 + v/S)
    n = float(weight.sum())
    value = weight @ log_gamma_ratio(p * x, q) - n * math.lgamma(q) - q * total_logs - p * x_logs
    p_1 = p * float((weight * x) @ digamma_difference(p * x, q) - x_logs)
    q_1 = q * float(weight @ digamma_difference(q, p * x) - total_logs)
    n_x = float(weight @ x)
    v_1 = q * kept - p * (n_x - x_kept)
    p_2 = p_1 + p * p * float((weight * x * x) @ trigamma_difference(p * x, q))
    q_2 = q_1 + q * q * float(weight @ trigamma_difference(q, p * x))
    p_q = p * q * float((weight * x) @ polygamma(1, p * x + q))
    hessian = np.array(
        [
            [p_2, p_q, -p * (n_x - x_kept)],
            [p_q, q_2, q * kept],
            [-p * (n_x - x_kept), q * kept, -q * (kept - kept_2) - p * (x_kept - x_kept_2)],
        ]
    )
    return Evaluation(float(value), np.array([p_1, q_1, v_1]), hessian)
