"""What is at stake with each customer, for one wallet each or for many draws of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from customervalue.wallet.share import exceeds

if TYPE_CHECKING:
    from customervalue._typing import BoolArray, FloatArray

__all__ = ["Intervals", "Situation", "Stakes", "contradicted", "estimated", "known"]

#: Draws of so many customers at a time that this many numbers are held.
_CELLS = 2_000_000
#: Chance may put a few draws of a wallet below what the customer is known to buy, but not so many of them.
_NEARLY_ALL = 0.95


class Situation(NamedTuple):
    """Checked columns of n customers; `wallet` and `alive` have shape (n,) or (draws, n)."""

    own: FloatArray
    wallet: FloatArray
    target: FloatArray
    margin: FloatArray
    alive: FloatArray


class Stakes(NamedTuple):
    """Of each customer, shape (n,)."""

    wallet: FloatArray
    share: FloatArray
    headroom: FloatArray
    value: FloatArray


class Intervals(NamedTuple):
    """What draws add to it: shape (n,) each, and (draws,) for the total."""

    share_low: FloatArray
    share_high: FloatArray
    low: FloatArray
    high: FloatArray
    probability: FloatArray
    total: FloatArray


def known(s: Situation) -> Stakes:
    """Values at stake where wallets and chances are numbers; also row by row of draws."""
    share = np.divide(s.own, s.wallet, out=np.full(s.wallet.shape, np.nan), where=s.wallet > 0)
    gap = np.maximum(s.target * s.wallet - s.own, 0.0)
    return Stakes(s.wallet, np.minimum(share, 1.0), gap, gap * s.margin * s.alive)


def contradicted(s: Situation) -> BoolArray:
    """Of which customers nearly every draw of the wallet is smaller than what they buy from us; shape (n,)."""
    return np.asarray(np.mean(exceeds(s.own, s.wallet), axis=0) >= _NEARLY_ALL)


def estimated(s: Situation, level: float) -> tuple[Stakes, Intervals]:
    """Means and quantiles over draws of wallets or chances, some customers at a time."""
    draws, n = np.broadcast_shapes(s.wallet.shape, s.alive.shape)
    tails = (0.5 - 0.5 * level, 0.5 + 0.5 * level)
    total = np.zeros(draws)
    result = np.empty((9, n))
    step = max(1, _CELLS // draws)
    for start in range(0, n, step):
        part = slice(start, start + step)
        own, target = s.own[part], s.target[part]
        wallet = np.maximum(np.broadcast_to(s.wallet, (draws, n))[:, part], own)
        of_draws = known(Situation(own, wallet, target, s.margin[part], s.alive[..., part]))
        total += of_draws.value.sum(axis=1)
        empty = np.isnan(of_draws.share)  # only of customers who buy nothing from us: else their share is 0
        share = np.where(empty & ~empty.all(axis=0), 0.0, of_draws.share)
        result[:4, part] = [values.mean(axis=0) for values in of_draws._replace(share=share)]
        result[4:6, part] = np.quantile(share, tails, axis=0)
        result[6:8, part] = np.quantile(of_draws.value, tails, axis=0)
        result[8, part] = np.mean(of_draws.headroom > 0, axis=0)
    return Stakes(*result[:4]), Intervals(result[4], result[5], result[6], result[7], result[8], total)
