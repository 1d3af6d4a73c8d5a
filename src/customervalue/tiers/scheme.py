"""Tiers as names and the amounts of money that part them; learned on one base, used on any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue.tiers._currency import check_currency, one_currency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from customervalue._typing import AnyArray, FloatArray, Many

__all__ = ["Scheme", "check_match", "check_names", "tier_codes"]

#: The code of a tier fits into eight bits.
_MOST = 127
#: Values are compared with all thresholds a batch at a time, so that a batch stays in the processor's cache.
_BATCH = 1 << 16


@dataclass(frozen=True)
class Scheme:
    """Named tiers, best first, and the thresholds between them.

    Tier i holds the values from ``thresholds[i]`` up to, and without, ``thresholds[i - 1]``; the first has no upper
    bound and the last no lower one. So every value is in exactly one tier, and equal values are in the same.

    Parameters
    ----------
    names : sequence of str, k names
        Best tier first.
    thresholds : sequence of float, k - 1 amounts
        Money, in descending order. Where two are equal, the tier between them is empty.
    currency : str, optional
        A label such as "EUR"; a scheme refuses values that are said to be in another one.

    Attributes
    ----------
    names : tuple of str
    thresholds : tuple of float
    currency : str or None

    Raises
    ------
    InvalidInputError
        If a name is empty or stands there twice, a threshold is not finite or above the one before it, or there is
        not one name more than thresholds.

    Examples
    --------
    >>> scheme = Scheme(("gold", "iron", "lead"), (500, 50), currency="EUR")
    >>> scheme.assign([720.0, 50.0, 49.99, -3.0])
    array([0, 1, 2, 2], dtype=int8)
    """

    names: tuple[str, ...]
    thresholds: tuple[float, ...]
    currency: str | None = None

    def __post_init__(self) -> None:
        checker = Checker("the tiers")
        names = check_names(checker, self.names)
        cuts = checker.numbers("thresholds", self.thresholds)
        checker.attempt(check_currency, self.currency)
        if cuts is not None:
            rises = np.append(False, cuts[1:] > cuts[:-1])[: cuts.size]
            checker.rows("thresholds", rises, "`thresholds` must descend, best tier first", {"thresholds": cuts})
            if names is not None:
                check_match(checker, names, cuts, "thresholds")
        checker.sizes.clear()  # these are no rows
        checker.done()
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "thresholds", tuple((np.asarray(cuts) + 0.0).tolist()))

    def __len__(self) -> int:
        """Number of tiers."""
        return len(self.names)

    @property
    def lower(self) -> FloatArray:
        """Least value of each tier.

        Returns
        -------
        ndarray of float64, shape (k,)
            Money; -inf for the last tier.

        Examples
        --------
        >>> Scheme(("gold", "iron", "lead"), (500, 50)).lower
        array([500.,  50., -inf])
        """
        return np.array([*self.thresholds, -np.inf])

    @property
    def upper(self) -> FloatArray:
        """The value that each tier stays below.

        Returns
        -------
        ndarray of float64, shape (k,)
            Money; inf for the first tier.

        Examples
        --------
        >>> Scheme(("gold", "iron", "lead"), (500, 50)).upper
        array([ inf, 500.,  50.])
        """
        return np.array([np.inf, *self.thresholds])

    def assign(self, values: Many, *, currency: str | None = None) -> NDArray[np.int8]:
        """Tier of each value.

        Parameters
        ----------
        values : array_like of float, shape (n,)
            Money.
        currency : str, optional
            What `values` are in.

        Returns
        -------
        ndarray of int8, shape (n,)
            Place of the tier in `names`: 0 is the best.

        Raises
        ------
        InvalidInputError
            If a value is missing or infinite, or `currency` is not the scheme's.

        Examples
        --------
        >>> scheme = Scheme(("gold", "iron", "lead"), (500, 50))
        >>> scheme.tier_names(scheme.assign([720.0, 49.99]))
        array(['gold', 'lead'], dtype=object)
        """
        one_currency(self.currency, currency)
        checker = Checker("the values")
        checked = checker.numbers("values", values)
        checker.done()
        return tier_codes(np.asarray(checked), self.thresholds)

    def tier_names(self, codes: AnyArray) -> AnyArray:
        """Name of each tier, given its code.

        Parameters
        ----------
        codes : array_like of int
            Places in `names`, as `assign` gives them.

        Returns
        -------
        ndarray of object
            Texts, in the shape of `codes`.

        Raises
        ------
        InvalidInputError
            If a code is the place of no tier.

        Examples
        --------
        >>> Scheme(("gold", "iron", "lead"), (500, 50)).tier_names([2, 0])
        array(['lead', 'gold'], dtype=object)
        """
        places = np.asarray(codes)
        flat = places.reshape(-1)
        checker = Checker("the tiers")
        if places.dtype.kind not in "iu":
            checker.add("codes", f"`codes` must be whole numbers, and are {places.dtype}")
        else:
            rule = f"`codes` must be from 0 to {len(self) - 1}"
            checker.rows("codes", (flat < 0) | (flat >= len(self)), rule, {"codes": flat})
        checker.done()
        named: AnyArray = np.array(self.names, dtype=object)[places]
        return named

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and texts that JSON knows.

        Returns
        -------
        dict
            Attribute -> value; `from_dict` makes the scheme again.

        Examples
        --------
        >>> Scheme(("gold", "lead"), (500,), currency="EUR").to_dict()
        {'names': ['gold', 'lead'], 'thresholds': [500.0], 'currency': 'EUR'}
        """
        return {"names": list(self.names), "thresholds": list(self.thresholds), "currency": self.currency}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Scheme:
        """Make the scheme that `to_dict` described.

        Parameters
        ----------
        data : mapping
            With `names` and `thresholds`, and perhaps `currency`.

        Returns
        -------
        Scheme

        Raises
        ------
        InvalidInputError
            If something is missing, unknown, or breaks the rules of a scheme.

        Examples
        --------
        >>> Scheme.from_dict({"names": ["gold", "lead"], "thresholds": [500.0]})
        Scheme(names=('gold', 'lead'), thresholds=(500.0,), currency=None)
        """
        checker = Checker("the description of a scheme")
        for key in ("names", "thresholds"):
            if key not in data:
                checker.add(key, f"`{key}` is missing")
        for key in data:
            if key not in {"names", "thresholds", "currency"}:
                checker.add(str(key), f"a scheme has no {key!r}")
        checker.done()
        return cls(**data)


def tier_codes(values: FloatArray, thresholds: Sequence[float]) -> NDArray[np.int8]:
    """How many of the descending thresholds each value lies below: the place of its tier, 0 for the best.

    Parameters
    ----------
    values : ndarray of float64, any shape
        Finite.
    thresholds : sequence of float
        Descending; fewer than 127.

    Returns
    -------
    ndarray of int8, shape of `values`

    Examples
    --------
    >>> tier_codes(np.array([[720.0, 50.0], [49.0, 500.0]]), (500.0, 50.0))
    array([[0, 1],
           [2, 0]], dtype=int8)
    """
    codes = np.zeros(values.shape, dtype=np.int8)
    flat, counted = np.ascontiguousarray(values).reshape(-1), codes.reshape(-1)
    for start in range(0, flat.size, _BATCH):
        some, place = flat[start : start + _BATCH], counted[start : start + _BATCH]
        for threshold in thresholds:
            place += some < threshold
    return codes


def check_names(checker: Checker, names: Any) -> tuple[str, ...] | None:
    """The names of tiers as a tuple; None, and a problem, if they cannot be that."""
    listed = () if isinstance(names, str) else tuple(names) if np.iterable(names) else ()
    if not listed or not all(isinstance(name, str) and name.strip() for name in listed):
        checker.add("names", f"`names` must be a list of texts, best tier first, and is {names!r}")
        return None
    twice = [name for name in dict.fromkeys(listed) if listed.count(name) > 1]
    if twice:
        checker.add("names", f"`names` must differ, and {', '.join(map(repr, twice))} is there more than once")
    if len(listed) > _MOST:
        checker.add("names", f"there can be at most {_MOST} tiers, and these are {len(listed)}")
    return tuple(map(str, listed))


def check_match(checker: Checker, names: tuple[str, ...], cuts: FloatArray, argument: str) -> None:
    """Report names that are not one more than the cuts between them."""
    if len(names) != cuts.size + 1:
        listed = ", ".join(map(repr, names))
        rule = f"{cuts.size} `{argument}` part {cuts.size + 1} tiers, and there are {len(names)} names ({listed})"
        checker.add("names", rule, "Give one name more than cuts, best tier first.")
