"""Share of wallet where the whole wallet is seen, one customer at a time."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import AssumptionWarning

if TYPE_CHECKING:
    from customervalue._typing import BoolArray, FloatArray

__all__ = ["amounts_of_wallet", "dimensions", "exceeds", "found", "share_of_wallet", "undefined_shares"]

#: The same amounts added up in another order differ by rounding; so much is no contradiction.
_ROUNDING = 1e-9
_RAISE = "The wallet is what is bought from everybody, us included; `np.maximum(own, wallet)` raises it to our own."
_CLIP = (
    "The wallet is what is bought from everybody, us included; `clip=True` takes these customers to buy only from us."
)


def share_of_wallet(own: Any, wallet: Any, *, clip: bool = False) -> FloatArray:
    """Share of what each customer buys that he buys from us, where the whole wallet is seen.

    Parameters
    ----------
    own : array_like of float, shape (n,)
        What each customer buys from us, in money or in purchases; >= 0.
    wallet : array_like of float, shape (n,)
        What he buys in the category from everybody, us included, in the same unit and over the same time.
    clip : bool
        Take a customer who buys more from us than his wallet holds to buy from nobody else: his share is 1, and a
        warning counts such customers. By default they are an error, since one of the two amounts is wrong.

    Returns
    -------
    ndarray of float64, shape (n,)
        Between 0 and 1; NaN where the wallet is 0.

    Raises
    ------
    InvalidInputError
        If an amount is missing, not finite or negative, `own` exceeds `wallet` (by more than rounding), or a customer
        with an empty wallet buys from us.

    Warns
    -----
    AssumptionWarning
        If some wallets are 0, where no share exists, or some shares were clipped; with the number of customers.

    Notes
    -----
    This is a ratio of two observed amounts, not an estimate of loyalty: of a customer with one purchase in all it is 0
    or 1, whatever he will do next.

    References
    ----------
    .. [1] Peppers & Rogers (1993), The One to One Future, Doubleday: share of customer instead of share of market.

    Examples
    --------
    >>> share_of_wallet(own=[30, 0, 50], wallet=[120, 80, 50])
    array([0.25, 0.  , 1.  ])
    """
    checker = Checker("the share of wallet")
    x, w = amounts_of_wallet(checker, own, wallet, clip=clip, advice=_CLIP)
    checker.done()
    if clip:
        above = int(np.count_nonzero(exceeds(x, w)))
        if above:
            rule = f"{above:,} of {x.size:,} shares are set to 1, where `own` exceeds `wallet`"
            warnings.warn(f"{rule}. One of the two amounts is wrong.", AssumptionWarning, stacklevel=2)
    undefined_shares(w == 0, "NaN there")
    share = np.divide(x, w, out=np.full(x.size, np.nan), where=w > 0)
    return np.asarray(np.minimum(share, 1.0))


def amounts_of_wallet(
    checker: Checker, own: Any, wallet: Any, *, clip: bool = False, advice: str = _RAISE
) -> tuple[FloatArray, FloatArray]:
    """Own purchases and wallets, shape (n,) each, checked against one another; empty where they cannot be read."""
    x = found(checker.amounts("own", own, "Net of refunds, a customer buys nothing or more."))
    w = found(checker.amounts("wallet", wallet))
    checker.same_length()
    if x.shape == w.shape:
        above, show = exceeds(x, w), {"own": x, "wallet": w}
        empty = "Whoever buys from us has a wallet: it is at least what he buys from us."
        checker.rows("own", above & (w == 0), "`own` must be 0 where `wallet` is 0", show, empty)
        if not clip:
            checker.rows("own", above & (w > 0), "`own` must not exceed `wallet`", show, advice)
    return x, w


def found(values: FloatArray | None) -> FloatArray:
    """A column that was read; an empty one where it could not be, so that the remaining checks still run."""
    return np.empty(0) if values is None else values


def dimensions(values: Any) -> int:
    """How many dimensions an array-like has; 2 for lists of different lengths, which the checks refuse as such."""
    try:
        return np.ndim(values)
    except ValueError:
        return 2


def exceeds(own: FloatArray, wallet: FloatArray) -> BoolArray:
    """Where purchases from us exceed the whole by more than rounding."""
    return np.asarray(own > wallet * (1 + _ROUNDING))


def undefined_shares(undefined: BoolArray, instead: str) -> None:
    """Warn of customers without a wallet, if there are any."""
    count = int(np.count_nonzero(undefined))
    if count:
        rule = f"{count:,} of {undefined.size:,} wallets are 0, and of nothing there is no share: {instead}"
        warnings.warn(f"{rule}. Leave these customers out, or count them apart.", AssumptionWarning, stacklevel=3)
