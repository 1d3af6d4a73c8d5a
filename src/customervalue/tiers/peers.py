"""What a customer could be worth, judged by the best among customers like him."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import AssumptionWarning, InvalidInputError, invalid
from customervalue.numerics.quantile_regression import quantile_regression
from customervalue.tiers import _ordered
from customervalue.tiers._tier_columns import missing
from customervalue.units import check_number

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray, Many

__all__ = ["potential_from_peers"]

#: So many segments are named in a message.
_NAMED = 3


def potential_from_peers(
    value: Many,
    features: Any = None,
    segment: Any = None,
    *,
    quantile: float,
    weights: Many | None = None,
    min_peers: int = 30,
) -> FloatArray:
    """Potential value of each customer: what the better ones among his peers are worth.

    For those whose wallet is not known. Peers are the customers of the same segment, or customers with the same
    features, for which a linear quantile regression stands.

    Parameters
    ----------
    value : array_like of float, shape (n,)
        Money: what each customer is worth.
    features : array_like of float, shape (n, k) or (n,), optional
        What makes customers comparable: size, age, region as 0 and 1. The quantile is a linear function of them, with
        a constant; pass logarithms or products as columns of their own where that suits better. Nothing that is made
        from the value itself belongs here.
    segment : array_like, shape (n,), optional
        Label of the segment of each customer; numbers or texts. Either this or `features`.
    quantile : float
        In (0, 1): 0.9 asks what the customer would be worth if he were as good as the best tenth of his peers begins.
        There is no default: how ambitious potential is meant to be is a decision.
    weights : array_like of int, shape (n,), optional
        How many identical customers each row stands for; whole numbers >= 0.
    min_peers : int
        Customers of segments with fewer than these are compared with all customers instead, and a warning says so.

    Returns
    -------
    ndarray of float64, shape (n,)
        Money; never less than the customer's own value.

    Raises
    ------
    InvalidInputError
        If a number is missing or infinite, a segment is missing, columns differ in length, neither or both of
        `features` and `segment` are given, features are linearly dependent, or `quantile` is not in (0, 1).

    Warns
    -----
    AssumptionWarning
        If there are segments with fewer than `min_peers` customers.

    Notes
    -----
    Within a segment the quantile lies between the two nearest customers, as that of `numpy.quantile` does. The value
    that a customer has is partly luck, and the high quantile of lucky years is more than most could reach: take
    expected values, such as lifetime values from a purchase model, rather than one year's spend.

    References
    ----------
    .. [1] Peppers & Rogers (2005), *Return on Customer*: potential value from the range of the values of similar
       customers.
    .. [2] Koenker & Bassett (1978), "Regression quantiles", Econometrica 46(1), 33-50.

    Examples
    --------
    >>> potential_from_peers([10, 20, 30, 200, 400, 500], segment=list("aaabbb"), quantile=0.5, min_peers=3)
    array([ 20.,  20.,  30., 400., 400., 500.])
    >>> rooms = [1, 2, 3, 4, 5]
    >>> potential_from_peers([10, 20, 12, 40, 20], features=rooms, quantile=0.8).round(1)
    array([10., 20., 30., 40., 50.])
    """
    checker = Checker("the peers")
    worth = checker.numbers("value", value)
    counts = None if weights is None else checker.counts("weights", weights, "They count identical customers.")
    if (features is None) == (segment is None):
        checker.add("segment", "peers are known by either `features` or `segment`: pass one of them")
    labels = None if segment is None else _checked_labels(checker, segment)
    table = None if features is None else _checked_features(checker, features)
    checker.same_length()
    if counts is not None and counts.size and not counts.any():
        checker.add("weights", "`weights` must not all be zero")
    high = checker.attempt(_checked_quantile, quantile)
    least = checker.attempt(_checked_peers, min_peers)
    checker.done()
    own = np.asarray(worth)
    if labels is not None:
        peers = _by_segment(own, labels, counts, float(high or 0.0), int(least or 0))
    else:
        peers = _by_features(own, np.asarray(table), counts, float(high or 0.0))
    return np.asarray(np.maximum(own, peers))


def _by_segment(
    value: FloatArray, labels: AnyArray, counts: FloatArray | None, quantile: float, least: int
) -> FloatArray:
    """The quantile within each customer's segment, or of all customers where the segment is too small."""

    def of(rows: Any) -> float:
        some = None if counts is None else counts[rows]
        return _ordered.ordered(value[rows], some).quantile(quantile)

    names, place = np.unique(labels, return_inverse=True)
    size = np.bincount(place, weights=counts, minlength=names.size)
    few = size < least
    everyone = of(slice(None))
    if few.any():
        _warn_of_few(names[few], int(size[few].sum()), names.size, least)
    # Numbers of two bytes are put in order without being compared.
    order = np.argsort(place.astype(np.min_scalar_type(names.size)), kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(place, minlength=names.size))[:-1])
    peers = np.array([everyone if few[i] else of(some) for i, some in enumerate(rows)])
    return np.asarray(peers[place])


def _by_features(value: FloatArray, features: FloatArray, counts: FloatArray | None, quantile: float) -> FloatArray:
    """The quantile as a linear function of the features and a constant."""
    design = np.column_stack([np.ones(value.size), features])
    try:
        return np.asarray(design @ quantile_regression(design, value, quantile, counts))
    except InvalidInputError:
        k = features.shape[1]
        rule = (
            f"`features` must be {k} linearly independent columns, none of them constant, of at least {k + 1} customers"
        )
        raise invalid(
            "features", rule, "A constant is always added; leave out one column of each set of 0 and 1."
        ) from None


def _warn_of_few(names: AnyArray, customers: int, segments: int, least: int) -> None:
    listed = ", ".join(str(name) for name in names[:_NAMED].tolist()) + (", ..." if names.size > _NAMED else "")
    warnings.warn(
        f"{names.size:,} of {segments:,} segments ({listed}) have fewer than {least:,} customers, {customers:,} in "
        "all: they are compared with all customers, since few peers say little of what is possible",
        AssumptionWarning,
        stacklevel=4,
    )


def _checked_labels(checker: Checker, segment: Any) -> IntArray | AnyArray | None:
    labels = checker.column("segment", segment)
    if labels is None:
        return None
    none = missing(labels)
    advice = "Give those customers a segment of their own."
    checker.rows("segment", none, "`segment` must not be missing", {"segment": labels}, advice)
    kinds = {type(label) for label in labels[~none].tolist()} if labels.dtype.kind == "O" else set()
    if str in kinds and len(kinds) > 1:
        checker.add("segment", "`segment` must be all texts or all numbers, and is mixed")
    return labels


def _checked_features(checker: Checker, features: Any) -> FloatArray | None:
    table = np.asarray(features)
    return checker.matrix("features", table[:, np.newaxis] if table.ndim == 1 else features)


def _checked_quantile(quantile: float) -> float:
    value = check_number("quantile", quantile)
    if not 0 < value < 1:
        raise invalid("quantile", f"`quantile` must be above 0 and below 1, and is {value:g}", "0.9 is a high one.")
    return value


def _checked_peers(min_peers: int) -> int:
    value = check_number("min_peers", min_peers)
    if not (value >= 1 and value == np.floor(value)):
        raise invalid("min_peers", f"`min_peers` must be a whole number >= 1, and is {value:g}")
    return int(value)
