"""Two shares of one customer, in two windows of time: how alike they are, and what his purchases say of the change.

Each share alone has the distribution Beta(a, b) of all customers. What ties the two together is a memory of c
purchases: c imaginary ones are drawn with the share of the first window, u of them ours, and the share of the second
window is drawn from Beta(a + u, b + c - u), as if these were all that is left of the old share. That leaves the second
share with the distribution Beta(a, b) too, and correlates the two by c / (a + b + c), the same in both directions of
time. With c = 0 they have nothing to do with one another, and with an infinite memory they are one and the same.
Customers differ in their memories: some go on as before, some begin anew. How many have which is estimated.

Given c and u, the two shares are independent and both posteriors are beta distributions. So the posterior of the pair
is a mixture of pairs of beta distributions, without approximation; only its integrals over the change are numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from customervalue.numerics.gamma import log_gamma_ratio
from customervalue.wallet._share_change_integrals import Betas, Change, Components, change_of_share, lattice
from customervalue.wallet._share_checks import unique_pairs
from customervalue.wallet._share_posterior import beta_binomial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from customervalue._typing import FloatArray, IntArray

__all__ = [
    "MEMORIES",
    "Memory",
    "Windows",
    "fit_memory",
    "log_likelihoods",
    "one_memory",
    "posterior_change",
    "windows",
]

#: Memories that customers may have, in purchases.
MEMORIES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, np.inf)
#: Rows that are dealt with at a time: so many to begin with, then more while their tables stay small.
_BLOCK, _LARGEST_BLOCK = 1 << 10, 1 << 15
#: Cells of the tables of a block.
_TABLES = 1 << 23
#: For more rows than this, lattices resolve priors that are worth at most so many purchases, to save time.
_MANY, _ENOUGH = 100, 3_000.0
#: Memories so near to whole purchases are whole.
_ROUNDING = 1e-9
#: Components of posteriors with less weight are left out.
_NO_WEIGHT = 1e-6
#: Of the search for the weights of the memories: steps, and what the last one may still change.
_STEPS, _SETTLED = 2_000, 1e-7


class Memory(NamedTuple):
    """The prior of both shares: Beta(alpha, beta) each, and the share of customers with each memory, shape (k,)."""

    alpha: float
    beta: float
    memories: tuple[float, ...]
    weights: FloatArray

    @property
    def persistence(self) -> float:
        """Correlation of the two shares over customers."""
        c = np.array(self.memories)
        each = np.where(np.isinf(c), 1.0, c / (self.alpha + self.beta + np.where(np.isinf(c), 0.0, c)))
        return float(self.weights @ each)


class Windows(NamedTuple):
    """Distinct (ours before, others before, ours after, others after), shape (u,), and how many customers have each."""

    before: tuple[FloatArray, FloatArray]
    after: tuple[FloatArray, FloatArray]
    customers: FloatArray
    inverse: IntArray

    def part(self, rows: slice | IntArray) -> Windows:
        """Some of the rows."""
        before, after = ((x[rows], r[rows]) for x, r in (self.before, self.after))
        return Windows(before, after, self.customers[rows], self.inverse)


def windows(own_before: FloatArray, before: FloatArray, own_after: FloatArray, after: FloatArray) -> Windows:
    """Put customers with equal counts in both windows together.

    Examples
    --------
    >>> two, three = np.array([2.0, 2.0]), np.array([3.0, 3.0])
    >>> windows(two, three, two, two).customers
    array([2.])
    """
    first, second = unique_pairs(own_before, before), unique_pairs(own_after, after)
    codes = first.inverse * second.own.size + second.inverse
    distinct, inverse, customers = np.unique(codes, return_inverse=True, return_counts=True)
    i, j = np.divmod(distinct, second.own.size)
    pairs = [(p.own[k], np.maximum(p.category[k] - p.own[k], 0.0)) for p, k in ((first, i), (second, j))]
    return Windows(pairs[0], pairs[1], customers.astype(np.float64), inverse)


def one_memory(alpha: float, beta: float, persistence: float) -> Memory:
    """Memory that correlates the shares by `persistence`.

    Memories are whole purchases. Between two of them, some customers have the shorter and the others the longer one.

    Examples
    --------
    >>> one_memory(0.5, 1.5, 0.5).memories, one_memory(0.25, 0.75, 0.25).memories
    ((2.0,), (0.0, 1.0))
    """
    size = alpha + beta
    memory = size * persistence / (1 - persistence)
    nearest = float(round(memory))
    if abs(memory - nearest) <= _ROUNDING * (1 + nearest):
        return Memory(alpha, beta, (nearest,), np.ones(1))
    low = float(np.floor(memory))
    below, above = (c / (size + c) for c in (low, low + 1))
    longer = (persistence - below) / (above - below)
    return Memory(alpha, beta, (low, low + 1), np.array([1 - longer, longer]))


def fit_memory(rows: Windows, alpha: float, beta: float) -> tuple[Memory, FloatArray]:
    """Estimate how many customers have which memory.

    Parameters
    ----------
    rows : Windows
    alpha, beta : float
        Of the distribution of shares.

    Returns
    -------
    Memory
        With one customer more in each of `MEMORIES` than the data have, so that none is ruled out.
    log_likelihood : ndarray of float64, shape (k,)
        Of all customers, if they all had the same memory.

    References
    ----------
    .. [1] Laird (1978), Journal of the American Statistical Association 73(364), 805-811: the distribution of a
       parameter over customers, without assuming its form.
    """
    told = (rows.before[0] + rows.before[1] > 0) & (rows.after[0] + rows.after[1] > 0)
    customers = rows.customers[told]
    size, k = float(customers.sum()), len(MEMORIES)
    logs = np.stack([log_likelihoods(rows, alpha, beta, c)[told] for c in MEMORIES], axis=1)
    if not customers.size:
        return Memory(alpha, beta, MEMORIES, np.full(k, 1 / k)), np.zeros(k)
    chances = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights = np.full(k, 1 / k)
    for _ in range(_STEPS):
        joint = chances * weights
        found = (customers @ (joint / joint.sum(axis=1, keepdims=True)) + 1) / (size + k)
        settled = float(np.max(np.abs(found - weights))) < _SETTLED
        weights = found
        if settled:
            break
    return Memory(alpha, beta, MEMORIES, weights), customers @ logs


def log_likelihoods(rows: Windows, alpha: float, beta: float, memory: float) -> FloatArray:
    """Log-probability of each row's purchases in both windows, in a certain order, with this memory; shape (u,)."""
    values = np.empty(rows.customers.size)
    tables = None if np.isinf(memory) else _log_tables(rows, alpha, beta, memory)
    for start in range(0, values.size, _LARGEST_BLOCK):
        part = slice(start, start + _LARGEST_BLOCK)
        values[part] = _log_sum(_log_components(rows, alpha, beta, memory, part, tables))
    return values


def _log_sum(logs: FloatArray) -> FloatArray:
    top = logs.max(axis=1)
    return np.asarray(top + np.log(np.exp(logs - top[:, None]).sum(axis=1)))


_Tables = list[tuple["FloatArray", "IntArray"]]


def _log_tables(rows: Windows, alpha: float, beta: float, memory: float) -> _Tables:
    """Logarithm of B(a + u + x, b + c - u + r) / B(a + u, b + c - u), in parts: for distinct counts, and all u."""
    u = np.arange(memory + 1)
    total = np.array([alpha + beta + memory])
    tables = []
    for own, rest in (rows.before, rows.after):
        for sign, z, counts in ((1, alpha + u, own), (1, beta + u[::-1], rest), (-1, total, own + rest)):
            distinct, place = np.unique(counts, return_inverse=True)
            tables.append((sign * log_gamma_ratio(z, distinct[:, None]), place))
    return tables


def _log_components(
    rows: Windows, alpha: float, beta: float, memory: float, part: slice, tables: _Tables | None
) -> FloatArray:
    """Logarithms of the joint probability of some rows and each u; shape (rows, memory + 1), or 1 if it is infinite."""
    if tables is None:
        (x, r), (y, s) = ((own[part], rest[part]) for own, rest in (rows.before, rows.after))
        ours, others = x + y, r + s
        value = log_gamma_ratio(alpha, ours) + log_gamma_ratio(beta, others)
        return np.asarray(value - log_gamma_ratio(alpha + beta, ours + others))[:, None]
    start = np.log(beta_binomial(np.array([alpha]), np.array([beta]), int(memory))[0])
    return np.asarray(start + sum(table[place[part]] for table, place in tables))


def posterior_change(rows: Windows, prior: Memory, tolerance: float, level: float) -> Change:
    """What each customer's purchases say of his two shares.

    Parameters
    ----------
    rows : Windows
    prior : Memory
    tolerance : float
        A share has fallen, or risen, if it has changed by more than this.
    level : float
        Of the interval.

    Returns
    -------
    Change
        Arrays of shape (u,).
    """
    result = Change(*(np.empty(rows.customers.size) for _ in Change._fields))
    known = prior.alpha + prior.beta + max((c for c in prior.memories if np.isfinite(c)), default=0.0)
    if rows.customers.size > _MANY:
        known = min(known, _ENOUGH)
    cells = lattice(known + np.maximum(*(x + r for x, r in (rows.before, rows.after))))
    for size in np.unique(cells).tolist():
        chosen = np.flatnonzero(cells == size)
        for block, components in _blocks(rows, chosen, prior, size):
            found = change_of_share(components, tolerance, level, size)
            for part, values in zip(result, found, strict=True):
                part[block] = values
    return result


def _blocks(rows: Windows, chosen: IntArray, prior: Memory, cells: int) -> Iterator[tuple[IntArray, Components]]:
    """Some of the chosen rows at a time; many, if they share their distributions, since these are tabulated anew."""
    start, size = 0, max(1, min(_BLOCK, _TABLES // (64 * cells)))
    while start < chosen.size:
        block = chosen[start : start + size]
        components = _components(rows.part(block), prior)
        yield block, components
        start += size
        used = cells * (components.one.a.size + components.two.a.size)
        if used > _TABLES:
            size = max(1, size // 2)
        elif 2 * used < _TABLES:
            size = min(2 * size, _LARGEST_BLOCK)


def _components(rows: Windows, prior: Memory) -> Components:
    """The posterior of each row as a mixture, without the components of no weight."""
    a, b, whole = prior.alpha, prior.beta, slice(None)
    finite = [c for c in prior.memories if np.isfinite(c)]
    logs = []
    for c, weight in zip(prior.memories, prior.weights.tolist(), strict=True):
        tables = None if np.isinf(c) else _log_tables(rows, a, b, c)
        logs.append(np.log(weight) + _log_components(rows, a, b, c, whole, tables))
    joint = np.concatenate(logs, axis=1)
    chances = np.exp(joint - _log_sum(joint)[:, None])
    width = sum(int(c) + 1 for c in finite)
    same = chances[:, width:].sum(axis=1)
    chances = chances[:, :width]
    u = np.concatenate([np.arange(c + 1) for c in finite])
    forgone = np.concatenate([np.arange(c + 1)[::-1] for c in finite])
    kept = (chances > _NO_WEIGHT) | (chances == chances.max(axis=1, keepdims=True))
    row, column = np.nonzero(kept)
    betas = []
    for own, rest in (rows.before, rows.after):
        ours, others = own[row] + u[column], rest[row] + forgone[column]
        pairs = unique_pairs(ours, ours + others)
        betas.append(Betas(a + pairs.own, b + np.maximum(pairs.category - pairs.own, 0.0), pairs.inverse))
    starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1)[:-1])])
    ours, others = (one + two for one, two in zip(rows.before, rows.after, strict=True))
    mean = (a + ours) / (a + b + ours + others)
    return Components(betas[0], betas[1], chances[kept], starts, same, mean)
