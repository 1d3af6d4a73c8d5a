"""Which model fits these customers better, and whether the difference is more than chance."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue.clv._purchase_model import PurchaseModel
from customervalue.errors import ConvergenceError, CustomerValueWarning, invalid
from customervalue.estimation.draws import check_count, check_rows
from customervalue.estimation.resampling import information, scores
from customervalue.summary import CustomerSummary, check_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._typing import AnyArray, FloatArray

__all__ = ["Comparison", "LikelihoodRatio", "compare", "likelihood_ratio_test"]

#: Two models whose log-likelihoods differ from customer to customer by no more than chance are not told apart.
_SIGNIFICANCE = 0.05
#: Draws of the weighted sum of chi-squares under which two models cannot be told apart.
_MIXTURES = 20_000


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Models of the same customers side by side, best first by AIC.

    Attributes
    ----------
    models : tuple of purchase models
        As fitted.
    log_likelihood : ndarray of float64, shape (m,)
        Of each model.
    n_parameters : ndarray of int64, shape (m,)
        Of each model.
    n_customers : int
        Of all models alike.
    at_boundary : tuple of tuple of str
        For each model, the parameters that ran to zero or infinity.
    test : tuple of str
        How each model was tested against the first: "Vuong", "likelihood ratio", "alike" where Vuong's first step finds
        the two too much alike to tell apart, or "" where no test is valid.
    statistic, p_value : ndarray of float64, shape (m,)
        Of that test, NaN where there is none. Vuong's statistic is negative, as the first model fits better.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    >>> cv.clv.compare(customers, [cv.clv.BGNBD, cv.clv.NBD])
    model  k  log-likelihood  AIC         BIC         at boundary  against the first
    BGNBD  4  -9,582.429      19,172.858  19,195.919
    NBD    2  -9,763.658      19,531.315  19,542.846
    """

    models: tuple[PurchaseModel, ...]
    log_likelihood: FloatArray
    n_parameters: AnyArray
    n_customers: int
    at_boundary: tuple[tuple[str, ...], ...]
    test: tuple[str, ...]
    statistic: FloatArray
    p_value: FloatArray

    @property
    def aic(self) -> FloatArray:
        """Akaike's information criterion of each model, shape (m,); smaller is better."""
        return np.asarray(2 * self.n_parameters - 2 * self.log_likelihood)

    @property
    def bic(self) -> FloatArray:
        """Bayesian information criterion of each model, shape (m,); smaller is better."""
        return np.asarray(self.n_parameters * math.log(self.n_customers) - 2 * self.log_likelihood)

    @property
    def best(self) -> PurchaseModel:
        """The model with the smallest AIC."""
        return self.models[0]

    def to_dict(self) -> dict[str, list[Any]]:
        """As lists of plain numbers and texts, one entry per model; None for NaN.

        Returns
        -------
        dict

        Examples
        --------
        >>> import customervalue as cv
        >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
        >>> cv.clv.compare(customers, [cv.clv.NBD]).to_dict()["model"]
        ['NBD']
        """
        columns = {name: column.tolist() for name, column in self.to_frame().items()}
        return {
            name: [None if isinstance(value, float) and math.isnan(value) else value for value in column]
            for name, column in columns.items()
        }

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per model.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns model, n_parameters, log_likelihood, aic, bic, at_boundary, test, statistic and p_value.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> import customervalue as cv
        >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
        >>> cv.clv.compare(customers, [cv.clv.NBD]).to_frame()["n_parameters"]
        array([2])
        """
        columns: dict[str, AnyArray] = {
            "model": np.array([type(model).__name__ for model in self.models], dtype=object),
            "n_parameters": self.n_parameters,
            "log_likelihood": self.log_likelihood,
            "aic": self.aic,
            "bic": self.bic,
            "at_boundary": np.array([", ".join(names) for names in self.at_boundary], dtype=object),
            "test": np.array(self.test, dtype=object),
            "statistic": self.statistic,
            "p_value": self.p_value,
        }
        return _columns.to_frame(columns, backend)

    def _rows(self) -> list[list[str]]:
        head = ["model", "k", "log-likelihood", "AIC", "BIC", "at boundary", "against the first"]
        rows = [head]
        for i, model in enumerate(self.models):
            said = self.test[i]
            if math.isfinite(self.statistic[i]):
                said += f" {self.statistic[i]:.2f}, p = {self.p_value[i]:.3g}"
            numbers = (f"{v[i]:,.3f}" for v in (self.log_likelihood, self.aic, self.bic))
            boundary = ", ".join(self.at_boundary[i])
            rows.append([type(model).__name__, str(self.n_parameters[i]), *numbers, boundary, said])
        return rows

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        top = "".join(f"<th>{cell}</th>" for cell in head)
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        return f"<table><tr>{top}</tr>{body}</table>"


@dataclass(frozen=True)
class LikelihoodRatio:
    """Test of a model against a richer one that has it as a limit.

    Attributes
    ----------
    statistic : float
        Twice the difference of the log-likelihoods.
    p_value : float
        Share of data sets simulated from the smaller model in which the statistic is as large.
    n : int
        How many data sets.

    Examples
    --------
    >>> LikelihoodRatio(statistic=12.3, p_value=0.01, n=99).p_value
    0.01
    """

    statistic: float
    p_value: float
    n: int


def compare(
    customers: CustomerSummary,
    models: Sequence[PurchaseModel | type[PurchaseModel]],
    *,
    rng: np.random.Generator | int | None = None,
    n: int = 99,
) -> Comparison:
    """Compare purchase models of the same customers: likelihood, information criteria and tests, in one table.

    Parameters
    ----------
    customers : CustomerSummary, m customers
        What the models are fitted to, and judged on.
    models : sequence of purchase models or of their classes
        Classes are fitted; models that are fitted already have to be so to these customers. Models of discrete and of
        continuous time cannot be compared: a probability is no density.
    rng : numpy.random.Generator or int, optional
        Source of randomness for tests of a model that is a limit of the best one (NBD); without it they are left out.
    n : int
        Data sets to simulate for each of these tests.

    Returns
    -------
    Comparison
        Best first by AIC.

    Raises
    ------
    InvalidInputError
        If there is no model, something is no purchase model, a model was fitted to other customers, or the models are
        of different kinds of time.
    ConvergenceError
        If a class has no maximum on these customers.

    Warns
    -----
    WeaklyIdentifiedWarning
        As `fit` does.

    Notes
    -----
    Models that are no limits of each other are compared by Vuong's test, in two steps: whether their likelihoods differ
    from customer to customer at all, and if so, whether one is closer to the truth. NBD is what the other models become
    without dropout, where a parameter lies on the boundary and others drop out of the likelihood; the chi-square table
    does not hold there, and the test is against data simulated from NBD (`likelihood_ratio_test`). Neither test is for
    fits with a prior, or with a parameter at a boundary in Vuong's case: there is none then.

    References
    ----------
    .. [1] Vuong (1989), "Likelihood ratio tests for model selection and non-nested hypotheses", Econometrica 57(2),
       307-333, theorems 4.1 (variance test) and 5.1.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    >>> cv.clv.compare(customers, [cv.clv.BGNBD, cv.clv.MBGNBD, cv.clv.ParetoNBD, cv.clv.NBD])
    model      k  log-likelihood  AIC         BIC         at boundary  against the first
    MBGNBD     4  -9,582.136      19,172.271  19,195.332
    BGNBD      4  -9,582.429      19,172.858  19,195.919               Vuong -0.08, p = 0.938
    ParetoNBD  4  -9,594.976      19,197.952  19,221.013               Vuong -1.89, p = 0.0591
    NBD        2  -9,763.658      19,531.315  19,542.846
    """
    check_summary(customers)
    fitted = _fitted(customers, models)
    rows = customers.unique
    each = [model._row_log_likelihood(rows) for model in fitted]
    value = np.array([float(rows.counts @ row) for row in each])
    k = np.array([len(model.parameter_names) for model in fitted])
    order = np.argsort(2 * k - 2 * value, kind="stable")
    first = order[0]
    tests = [("", math.nan, math.nan)]
    for i in order[1:]:
        if _limit(fitted[i], fitted[first]):
            tests.append(_ratio(fitted[i], fitted[first], customers, n, rng))
        elif _limit(fitted[first], fitted[i]):
            tests.append(_ratio(fitted[first], fitted[i], customers, n, rng))
        else:
            tests.append(_vuong(fitted[i], fitted[first], rows, each[i] - each[first]))
    best_first = tuple(fitted[i] for i in order)
    return Comparison(
        models=best_first,
        log_likelihood=value[order],
        n_parameters=k[order],
        n_customers=round(float(rows.counts.sum())),
        at_boundary=tuple(() if m.inference is None else m.inference.at_boundary for m in best_first),
        test=tuple(test[0] for test in tests),
        statistic=np.array([test[1] for test in tests]),
        p_value=np.array([test[2] for test in tests]),
    )


def likelihood_ratio_test(
    restricted: type[PurchaseModel],
    general: type[PurchaseModel],
    customers: CustomerSummary,
    n: int,
    rng: np.random.Generator | int | None,
) -> LikelihoodRatio:
    """Test whether customers need the richer of two models, one of which is a limit of the other.

    Parameters
    ----------
    restricted, general : classes of purchase models
        For example `NBD`, which is BG/NBD, MBG/NBD or Pareto/NBD without dropout.
    customers : CustomerSummary, m customers
    n : int
        Data sets to simulate from the fitted `restricted`; both models are fitted to each.
    rng : numpy.random.Generator or int
        Source of randomness; an int seeds one.

    Returns
    -------
    LikelihoodRatio

    Raises
    ------
    InvalidInputError
        If `restricted` is no limit of `general`.

    References
    ----------
    .. [1] Davison & Hinkley (1997), Bootstrap Methods and Their Application, section 4.2.3: the simulated p-value is
       one more than the number of statistics as large, over n + 1.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    >>> test = cv.clv.likelihood_ratio_test(cv.clv.NBD, cv.clv.BGNBD, customers, 19, rng=1)
    >>> round(test.statistic, 1), test.p_value
    (362.5, 0.05)
    """
    check_summary(customers)
    classes = [model if isinstance(model, type) else type(model) for model in (restricted, general)]
    if not all(issubclass(c, PurchaseModel) for c in classes) or classes[0].__name__ not in classes[1].limits:
        names = " and ".join(c.__name__ for c in classes)
        rule = f"{names} do not nest: a likelihood-ratio test needs a model and a limit of it, such as NBD and BGNBD"
        raise invalid("general", rule, "Compare other models by `compare`: AIC, BIC and Vuong's test.")
    small, large = classes
    size, source = check_count(n), np.random.default_rng(rng)
    null = small.fit(customers)
    statistic = _twice(null, large.fit(customers))
    lengths = customers.T if customers.weights is None else np.repeat(customers.T, customers.weights)
    as_large = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CustomerValueWarning)  # without dropout the richer model is never identified
        for _ in range(size):
            simulated = null.simulate(lengths.size, lengths, source)
            try:
                as_large += _twice(small.fit(simulated), large.fit(simulated)) >= statistic
            except ConvergenceError:
                as_large += 1
    return LikelihoodRatio(statistic, (1 + as_large) / (size + 1), size)


def _twice(restricted: PurchaseModel, general: PurchaseModel) -> float:
    """Twice the difference of the log-likelihoods of two fits; not negative, as one is a limit of the other."""
    if restricted.inference is None or general.inference is None:
        raise ConvergenceError("a likelihood ratio needs two fits")
    return max(2 * (general.inference.log_likelihood - restricted.inference.log_likelihood), 0.0)


def _fitted(customers: CustomerSummary, models: Any) -> list[PurchaseModel]:
    chosen: list[Any] = list(models) if isinstance(models, (list, tuple)) else [models]
    if not chosen:
        raise invalid("models", "`models` must name at least one purchase model")
    for model in chosen:
        kind = model if isinstance(model, type) else type(model)
        if not issubclass(kind, PurchaseModel):
            raise invalid("models", f"`models` must be purchase models or their classes, and one is a {kind.__name__}")
    if len({model.whole_time for model in chosen}) > 1:
        rule = "models of discrete and of continuous time have likelihoods of different kinds, and cannot be compared"
        raise invalid("models", rule, "Compare their forecasts of held-out purchases instead.")
    fitted: list[PurchaseModel] = [m.fit(customers) if isinstance(m, type) else m for m in chosen]  # type: ignore[attr-defined]
    for model in fitted:
        model._check_customers(customers)
        if model.inference is not None:
            check_rows(model, customers.unique)
    return fitted


def _limit(small: PurchaseModel, large: PurchaseModel) -> bool:
    return type(small).__name__ in type(large).limits


def _ratio(
    small: PurchaseModel, large: PurchaseModel, customers: CustomerSummary, n: int, rng: Any
) -> tuple[str, float, float]:
    if rng is None or any(model.inference is None or model.inference.prior for model in (small, large)):
        return "", math.nan, math.nan
    found = likelihood_ratio_test(type(small), type(large), customers, n, rng)
    return "likelihood ratio", found.statistic, found.p_value


def _vuong(one: PurchaseModel, other: PurchaseModel, rows: Any, difference: FloatArray) -> tuple[str, float, float]:
    """Vuong's two steps: whether the two differ at all, and if so, which is closer to the truth."""
    if any(m.inference is None or m.inference.at_boundary or m.inference.prior for m in (one, other)):
        return "", math.nan, math.nan
    n = float(rows.counts.sum())
    mean = float(rows.counts @ difference) / n
    variance = float(rows.counts @ (difference - mean) ** 2) / n
    if _alike(one, other, rows, n * variance):
        return "alike", math.nan, math.nan
    z = math.sqrt(n) * mean / math.sqrt(variance)
    return "Vuong", z, math.erfc(abs(z) / math.sqrt(2))


def _alike(one: PurchaseModel, other: PurchaseModel, rows: Any, statistic: float) -> bool:
    """Whether n times the variance is no larger than a weighted sum of chi-squares: theorem 4.1."""
    n = float(rows.counts.sum())
    score = [scores(model, rows) for model in (one, other)]
    inverse = [np.linalg.inv(information(model, rows) / n) for model in (one, other)]
    cross = [[(a * rows.counts) @ b.T / n for b in score] for a in score]
    top = [cross[0][0] @ inverse[0], -cross[0][1] @ inverse[1]]
    bottom = [cross[1][0] @ inverse[0], -cross[1][1] @ inverse[1]]
    weights = np.abs(np.linalg.eigvals(np.block([top, bottom]))) ** 2
    mixture = np.random.default_rng(0).chisquare(1, (_MIXTURES, weights.size)) @ weights
    return statistic <= float(np.quantile(mixture, 1 - _SIGNIFICANCE))
