"""How sure a prediction is: of what is to be expected, and of what will happen; per customer and for totals."""

from __future__ import annotations

import inspect
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from customervalue import _columns
from customervalue.clv._futures import OUTCOMES, Futures
from customervalue.clv._purchase_model import PurchaseModel
from customervalue.clv.gamma_gamma import GammaGamma
from customervalue.clv.lifetime_value import customer_lifetime_value
from customervalue.errors import InfiniteMeanWarning, invalid
from customervalue.estimation.draws import Draws, check_level
from customervalue.summary import CustomerSummary, check_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["Interval", "interval", "prediction_draws"]

Purchases: TypeAlias = PurchaseModel | Draws[Any]
Spending: TypeAlias = GammaGamma | Draws[GammaGamma]

_VALUE = "customer_lifetime_value"
_CALLS = (
    "expected_purchases",
    "discounted_expected_purchases",
    _VALUE,
    "probability_alive",
    "probability_active",
    "expected_lifetime",
    "discounted_expected_lifetime",
    "expected_purchase_rate",
    "expected_dropout",
    "time_to_next_purchase",
    "overdue",
)
_KINDS = ("expectation", "predictive")
#: Numbers kept at a time: customers are taken in batches of this many over the number of draws.
_CELLS = 20_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Interval:
    """An estimate and its interval, for each customer or each group.

    Attributes
    ----------
    of : str
        What was predicted.
    kind : {"expectation", "predictive"}
        Of the mean, or of what will happen.
    level : float
        How often such an interval holds the truth.
    estimate, low, high : ndarray of float64, shape (m,)
        The prediction at the estimated parameters, and the ends of the interval; m customers or groups.
    group : ndarray, shape (m,), or None
        Names of the groups, or ids of the customers if they have any.

    Examples
    --------
    >>> Interval("expected_purchases", "predictive", 0.9, np.array([1.2]), np.array([0.0]), np.array([5.0]), None)
    Interval of expected_purchases, predictive, 90 %
      0           1.2000  0.0000 to 5.0000
    """

    of: str
    kind: str
    level: float
    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    group: AnyArray | None = None

    def __len__(self) -> int:
        return int(self.estimate.size)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per customer or group.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns group (if they have names), estimate, low and high.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> low, high = np.zeros(1), np.ones(1)
        >>> Interval("probability_alive", "expectation", 0.9, np.array([0.5]), low, high).to_frame()["high"]
        array([1.])
        """
        columns: dict[str, AnyArray] = {} if self.group is None else {"group": self.group}
        return _columns.to_frame({**columns, "estimate": self.estimate, "low": self.low, "high": self.high}, backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows; infinite ends as None, dates as text.

        Returns
        -------
        dict

        Examples
        --------
        >>> low, high = np.zeros(1), np.ones(1)
        >>> Interval("probability_alive", "expectation", 0.9, np.array([0.5]), low, high).to_dict()["high"]
        [1.0]
        """
        ends = {"estimate": self.estimate, "low": self.low, "high": self.high}
        listed = {name: [v if math.isfinite(v) else None for v in column.tolist()] for name, column in ends.items()}
        names = self.group
        if names is not None and names.dtype.kind not in "biufUO":
            names = names.astype(str)
        group = None if names is None else names.tolist()
        return {"of": self.of, "kind": self.kind, "level": self.level, **listed, "group": group}

    def __repr__(self) -> str:
        title = f"Interval of {self.of}, {self.kind}, {100 * self.level:.4g} %"
        names = np.arange(len(self)) if self.group is None else self.group
        shown = min(len(self), 10)
        lines = [
            f"  {names[i]!s:<6}{self.estimate[i]:12.4f}  {self.low[i]:.4f} to {self.high[i]:.4f}" for i in range(shown)
        ]
        rest = [f"  and {len(self) - shown:,} more"] if len(self) > shown else []
        return "\n".join([title, *lines, *rest])


def interval(
    purchases: Purchases,
    customers: CustomerSummary,
    of: str | Callable[..., Any] = "expected_purchases",
    *,
    rng: np.random.Generator | int | None,
    kind: Literal["expectation", "predictive"] = "expectation",
    level: float = 0.95,
    by: Any = None,
    spending: Spending | None = None,
    n: int = 1000,
    **arguments: Any,
) -> Interval:
    """Interval of a prediction or a value, for each customer or for totals over groups of them.

    There are two kinds, and they answer two questions. The interval of the *expectation* is as wide as the parameters
    are uncertain: where would the mean of very many such customers lie? The *predictive* interval is for what will
    happen to these very customers: besides the parameters, it has in it each customer's own rates, whether he is alive,
    when and how often he happens to buy, and what he happens to spend. For one customer it is much wider; for the
    total of many customers chance evens out, and the two come close.

    Parameters
    ----------
    purchases : purchase model or Draws of one
        A model draws its parameters itself, from the asymptotic posterior; pass `model.draws(n, rng, customers=...)` or
        `clv.bootstrap(...)` for better ones.
    customers : CustomerSummary, m customers
        Whom to predict for, not necessarily those of the fit.
    of : str or callable
        A prediction by its name: "expected_purchases", "probability_alive" and the like, or "customer_lifetime_value".
        For an expectation also any function of the purchase model (and of the spend model, if there is one) that gives
        a number, or an array with one for each customer.
    rng : numpy.random.Generator or int
        Source of randomness; an int seeds one.
    kind : {"expectation", "predictive"}
        Predictive intervals are for purchases ("expected_purchases"), their present value
        ("discounted_expected_purchases") and their value in money ("customer_lifetime_value").
    level : float
        How often such an interval holds the truth, between 0 and 1.
    by : array_like, shape (m,), or "total", optional
        Groups whose totals are wanted, or the total of all; by default each customer for himself.
    spending : GammaGamma or Draws of it, optional
        For "customer_lifetime_value". Its own uncertainty, and each customer's, is in the interval.
    n : int
        How many draws, where `purchases` is a model.
    **arguments
        What the call takes besides customers, for example `horizon=39`.

    Returns
    -------
    Interval

    Raises
    ------
    InvalidInputError
        If the model has no inference, there is no prediction `of`, `kind` is predictive and `of` is nothing that
        happens, `by` does not fit the customers, and as the prediction itself does.

    Warns
    -----
    AssumptionWarning
        As `model.draws` does.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    >>> model = cv.clv.BGNBD.fit(customers)
    >>> cv.clv.interval(model, customers, "expected_purchases", horizon=39, by="total", kind="predictive", rng=1)
    Interval of expected_purchases, predictive, 95 %
      total    1653.4087  1479.0000 to 1845.0000
    """
    check_summary(customers)
    tails = 0.5 - 0.5 * check_level(level)
    _check_kind(kind)
    source = np.random.default_rng(rng)
    target = _target(of, purchases, spending, n, source, arguments)
    at_estimate = np.asarray(target.at_estimate(customers), dtype=np.float64)
    groups = _Groups.of(by, customers, at_estimate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InfiniteMeanWarning)  # said at the estimate, not for each draw again
        if kind == "expectation":
            low, high = _expectation(target, customers, groups, tails)
        else:
            low, high = _predictive(target, customers, groups, tails, source)
    return Interval(target.name, kind, level, groups.total(at_estimate, customers), low, high, groups.names)


def prediction_draws(
    purchases: Purchases,
    customers: CustomerSummary,
    of: str | Callable[..., Any] = "expected_purchases",
    *,
    rng: np.random.Generator | int | None,
    kind: Literal["expectation", "predictive"] = "expectation",
    spending: Spending | None = None,
    n: int = 1000,
    **arguments: Any,
) -> Iterator[FloatArray]:
    """Predictions of each customer, draw after draw: what intervals are made of, for uses of your own.

    For probabilities of tiers, of targets, of ranks. The draws come one at a time, so that a large base takes no more
    memory than one of them.

    Parameters
    ----------
    purchases, of, rng, kind, spending, n, **arguments
        As in `interval`. Each draw has its own parameters; of the predictive kind it is also a possible future of its
        own: what each customer happens to buy and spend.
    customers : CustomerSummary, m customers
        One number for each row, whatever its weight.

    Returns
    -------
    iterator of n ndarrays of float64, shape (m,)
        In the unit of the prediction.

    Raises
    ------
    InvalidInputError
        At the call, not at the first draw; as `interval` does.

    Warns
    -----
    AssumptionWarning
        As `model.draws` does.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), value="value", observation_end="1997-09-30")
    >>> models = {"purchases": cv.clv.BGNBD.fit(customers), "spending": cv.clv.GammaGamma.fit(customers)}
    >>> settings = {"horizon": 52, "discount_rate": 0.15, "margin": 0.3, "kind": "predictive", "n": 50, "rng": 1}
    >>> draws = prediction_draws(**models, customers=customers, of="customer_lifetime_value", **settings)
    >>> int(sum(value[508] >= 200 for value in draws))  # how often the best customer is worth 200 or more
    33
    """
    check_summary(customers)
    source = np.random.default_rng(rng)
    target = _target(of, purchases, spending, n, source, arguments)
    if _check_kind(kind) == "predictive":
        futures = _futures(target, customers)
        return (futures.draw(source, *pair, slice(None)) for pair in target.pairs())
    if np.shape(target.at_estimate(customers)) != (len(customers),):
        raise invalid("of", f"draws are of a prediction for each customer, and {target.name!r} is not one")
    return (target.quietly(*pair, customers) for pair in target.pairs())


def _check_kind(kind: str) -> str:
    if kind not in _KINDS:
        raise invalid("kind", f"`kind` must be 'expectation' or 'predictive', and is {kind!r}")
    return kind


@dataclass(frozen=True)
class _Target:
    """What is to be predicted, as a function of the models."""

    of: str | Callable[..., Any]
    purchases: Draws[Any]
    spending: Draws[GammaGamma] | None
    arguments: dict[str, Any]

    def __post_init__(self) -> None:
        if callable(self.of):
            if self.arguments:
                raise invalid("of", f"a function takes no further arguments, and got {', '.join(self.arguments)}")
            return
        if self.of not in _CALLS:
            raise invalid("of", f"there is no prediction {self.of!r}", f"There are {', '.join(_CALLS)}; or a function.")
        if self.of == _VALUE and self.spending is None:
            raise invalid("spending", "a lifetime value needs a spend model", "Pass `spending=` a fitted GammaGamma.")
        models = (None, None) if self.of == _VALUE else (None,)
        call = customer_lifetime_value if self.of == _VALUE else getattr(PurchaseModel, self.of)
        try:
            inspect.signature(call).bind(*models, None, **self.arguments)
        except TypeError as error:
            raise invalid("arguments", f"`{self.of}` cannot be called like this: {error}") from None

    @property
    def name(self) -> str:
        return self.of if isinstance(self.of, str) else getattr(self.of, "__name__", "function")

    def of_models(self, purchases: Any, spending: Any, customers: CustomerSummary, rows: slice | None = None) -> Any:
        """The prediction by these models, of the customers who are these rows of all."""
        if callable(self.of):
            return self.of(purchases) if spending is None else self.of(purchases, spending)
        if self.of != _VALUE:
            return getattr(purchases, self.of)(customers, **self.arguments)
        arguments = self.arguments
        if rows is not None and np.ndim(arguments.get("margin", 1.0)) == 1:
            arguments = {**arguments, "margin": np.asarray(arguments["margin"])[rows]}
        return customer_lifetime_value(purchases, spending, customers, **arguments)

    def quietly(self, purchases: Any, spending: Any, customers: CustomerSummary) -> FloatArray:
        """The same, where infinite means are said at the estimate, and not for each draw again."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InfiniteMeanWarning)
            return np.asarray(self.of_models(purchases, spending, customers), dtype=np.float64)

    def at_estimate(self, customers: CustomerSummary) -> Any:
        """The prediction by the estimated models."""
        spending = None if self.spending is None else self.spending.model
        return self.of_models(self.purchases.model, spending, customers)

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """Purchase and spend models, draw by draw; the shorter list of draws starts again."""
        for i in range(len(self.purchases)):
            yield self.purchases[i], None if self.spending is None else self.spending[i % len(self.spending)]


@dataclass(frozen=True)
class _Groups:
    """Whose numbers are added up: for each customer the place of his group, or None if he stands for himself."""

    place: IntArray | None
    names: AnyArray | None

    @classmethod
    def of(cls, by: Any, customers: CustomerSummary, values: FloatArray) -> _Groups:
        if values.shape != (len(customers),):
            if by is not None:
                rule = f"totals need one number for each of the {len(customers):,} customers, not shape {values.shape}"
                raise invalid("by", rule)
            return cls(None, None)
        if by is None:
            return cls(None, customers.customer_id)
        if isinstance(by, str):
            if by != "total":
                raise invalid("by", f"`by` must be 'total' or name each customer's group, and is {by!r}")
            return cls(np.zeros(len(customers), dtype=np.int64), np.array(["total"]))
        labels = np.asarray(by)
        if labels.shape != (len(customers),):
            rule = f"`by` must name a group for each of the {len(customers):,} customers, and has shape {labels.shape}"
            raise invalid("by", rule)
        try:
            names, place = np.unique(labels, return_inverse=True)
            missing = bool(np.any(names != names))
        except TypeError:
            missing = True
        if missing:
            raise invalid("by", "`by` must hold names that can be sorted: texts or numbers, none missing")
        return cls(place.reshape(-1), names)

    @property
    def size(self) -> int:
        return 0 if self.names is None else self.names.size

    def total(self, values: FloatArray, customers: CustomerSummary) -> FloatArray:
        """Sums of one number per customer, each as often as his weight says."""
        if self.place is None or values.ndim == 0:
            return np.atleast_1d(values)
        weighted = values if customers.weights is None else values * customers.weights
        return np.bincount(self.place, weighted, minlength=self.size).astype(np.float64)


def _draws(name: str, given: Any, kind: type[Any], n: int, rng: np.random.Generator) -> Draws[Any]:
    model = given.model if isinstance(given, Draws) else given
    if not isinstance(model, kind):
        what = f"a {kind.__name__} or draws of one"
        raise invalid(name, f"`{name}` must be {what}, and is of a {type(model).__name__}")
    return given if isinstance(given, Draws) else model.draws(n, rng)


def _target(
    of: str | Callable[..., Any],
    purchases: Purchases,
    spending: Spending | None,
    n: int,
    rng: np.random.Generator,
    arguments: dict[str, Any],
) -> _Target:
    """What is to be predicted, with the draws of the models."""
    sampled = _draws("purchases", purchases, PurchaseModel, n, rng)
    return _Target(
        of,
        sampled,
        None if spending is None else _draws("spending", spending, GammaGamma, len(sampled), rng),
        arguments,
    )


def _futures(target: _Target, customers: CustomerSummary) -> Futures:
    """What counts of the customers' futures, if what is to be predicted happens."""
    if target.of not in OUTCOMES:
        rule = f"a predictive interval is for what happens, and {target.name!r} is not an event"
        raise invalid("of", rule, f"Choose {', '.join(OUTCOMES)}, or kind='expectation'.")
    return Futures.of(str(target.of), target.purchases.model, customers, target.arguments)


def _expectation(
    target: _Target, customers: CustomerSummary, groups: _Groups, tail: float
) -> tuple[FloatArray, FloatArray]:
    """Quantiles of the prediction over the draws."""
    if groups.place is not None or callable(target.of):
        totals = [groups.total(np.asarray(target.of_models(*pair, customers)), customers) for pair in target.pairs()]
        return _quantiles(np.array(totals, dtype=np.float64), tail, "linear")
    alike = target.of != _VALUE  # equal histories have equal predictions, but not equal spend
    rows = customers.unique
    distinct = (
        CustomerSummary(rows.frequency, rows.recency, rows.T, time_unit=customers.time_unit) if alike else customers
    )
    ends = []
    for batch in _batches(len(distinct), len(target.purchases)):
        some = distinct[batch]
        values = np.array([target.of_models(*pair, some, batch) for pair in target.pairs()])
        ends.append(_quantiles(values, tail, "linear"))
    low, high = np.concatenate([e[0] for e in ends]), np.concatenate([e[1] for e in ends])
    return (rows.expand(low), rows.expand(high)) if alike else (low, high)


def _predictive(
    target: _Target, customers: CustomerSummary, groups: _Groups, tail: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Quantiles of what happens in one simulated future per draw."""
    futures = _futures(target, customers)
    if groups.place is None:
        ends = []
        for batch in _batches(len(customers), len(target.purchases)):
            values = np.array([futures.draw(rng, *pair, batch) for pair in target.pairs()])
            ends.append(_quantiles(values, tail, "inverted_cdf"))
        return np.concatenate([e[0] for e in ends]), np.concatenate([e[1] for e in ends])
    # A row that stands for several customers has as many futures.
    each = (
        np.arange(len(customers))
        if customers.weights is None
        else np.repeat(np.arange(len(customers)), customers.weights)
    )
    totals = np.zeros((len(target.purchases), groups.size))
    for i, pair in enumerate(target.pairs()):
        totals[i] = np.bincount(groups.place[each], futures.draw(rng, *pair, each), minlength=groups.size)
    return _quantiles(totals, tail, "inverted_cdf")


def _batches(size: int, draws: int) -> Iterator[slice]:
    step = max(_CELLS // draws, 1)
    return (slice(start, start + step) for start in range(0, size, step))


def _quantiles(
    values: FloatArray, tail: float, method: Literal["linear", "inverted_cdf"]
) -> tuple[FloatArray, FloatArray]:
    ends = np.quantile(values, (tail, 1 - tail), axis=0, method="inverted_cdf")
    if method == "linear":
        finite = np.isfinite(values).all(axis=0)  # between finite and infinite values there is nothing to interpolate
        ends[:, finite] = np.quantile(values[:, finite], (tail, 1 - tail), axis=0)
    return ends[0], ends[1]
