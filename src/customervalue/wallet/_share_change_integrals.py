"""Integrals over the change of a share, where the two shares are mixtures of pairs of beta distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["Betas", "Change", "Components", "change_of_share", "lattice"]

#: Numbers of a batch.
_BATCH = 1 << 19
#: Cells of a lattice: more where a busy customer's shares are known more closely.
_FEWEST, _MOST = 256, 8192
#: Cells for the root of each purchase.
_FINENESS = 16


class Change(NamedTuple):
    """Of each row: expected shares, chances that the share fell and rose, and the interval of its change."""

    before: FloatArray
    after: FloatArray
    fell: FloatArray
    rose: FloatArray
    low: FloatArray
    high: FloatArray


class Betas(NamedTuple):
    """Distinct beta distributions, shape (d,), and which one each component has, shape (p,)."""

    a: FloatArray
    b: FloatArray
    place: IntArray

    def mean(self) -> FloatArray:
        """Of each distribution."""
        return self.a / (self.a + self.b)

    def part(self, chosen: slice) -> Betas:
        """The same distributions, and some of the components."""
        return Betas(self.a, self.b, self.place[chosen])


class Components(NamedTuple):
    """Components of the posteriors of some rows, those of one row behind one another: p of them in all.

    `weights` (p,) and `same` (rows,) are probabilities: of each pair of independent shares, and of two equal shares,
    whose mean is `mean` (rows,). `starts` (rows,) is the place of each row's first component.
    """

    one: Betas
    two: Betas
    weights: FloatArray
    starts: IntArray
    same: FloatArray
    mean: FloatArray

    def total(self, values: AnyArray) -> AnyArray:
        """Weighted sum over the components of each row; `values` has shape (p,) or (p, k)."""
        return np.asarray(np.add.reduceat((values.T * self.weights).T, self.starts, axis=0))

    def batches(self, most: int) -> Iterator[tuple[slice, Components]]:
        """Some rows at a time, with about `most` components."""
        ends = np.append(self.starts[1:], self.weights.size)
        first = 0
        while first < self.starts.size:
            begin = int(self.starts[first])
            last = max(first + 1, int(np.searchsorted(ends, begin + most, side="right")))
            rows, chosen = slice(first, last), slice(begin, int(ends[last - 1]))
            yield (
                rows,
                Components(
                    self.one.part(chosen),
                    self.two.part(chosen),
                    self.weights[chosen],
                    self.starts[rows] - begin,
                    self.same[rows],
                    self.mean[rows],
                ),
            )
            first = last


def lattice(purchases: FloatArray) -> IntArray:
    """How many cells resolve the share of customers of whom as much is known as so many purchases tell.

    Examples
    --------
    >>> lattice(np.array([20.0, 10_000.0]))
    array([ 256, 2048])
    """
    cells = 2 ** np.ceil(np.log2(_FINENESS * np.sqrt(purchases + 1)))
    return np.asarray(np.clip(cells, _FEWEST, _MOST), dtype=np.int64)


def change_of_share(components: Components, tolerance: float, level: float, cells: int) -> Change:
    """The change of share of each row.

    Parameters
    ----------
    components : Components
    tolerance : float
        A share has fallen, or risen, if it has changed by more than this.
    level : float
        Of the interval.
    cells : int
        Of the lattices.

    Returns
    -------
    Change
        Arrays of shape (rows,).
    """
    size = components.starts.size
    one, two = components.one, components.two
    # The rule is of a higher order than the lattice of the interval, and needs fewer cells.
    fell, rose = (_rule(p, q, tolerance, cells // 2) for p, q in ((one, two), (two, one)))
    p, q = _spectrum(one, cells).conj(), _spectrum(two, cells)
    low, high, down, up = (np.empty(size) for _ in range(4))
    for rows, some in components.batches(max(1, _BATCH // cells)):
        first, second = some.one.place, some.two.place
        down[rows], up[rows] = some.total(fell(first, second)), some.total(rose(second, first))
        # No change at all is the difference of 0, whose spectrum is 1.
        spectrum = some.total(q[second] * p[first]) + some.same[:, None]
        low[rows], high[rows] = _interval(spectrum, level)
    before, after = (components.total(b.mean()[b.place]) + components.same * components.mean for b in (one, two))
    return Change(before, after, np.clip(down, 0.0, 1.0), np.clip(up, 0.0, 1.0), low, high)


def _rule(one: Betas, two: Betas, tolerance: float, cells: int) -> Callable[[IntArray, IntArray], FloatArray]:
    """P(p > q + tolerance) for p of some distributions of `one` and q of `two`.

    The probability of p in each cell of a lattice times the mean of that of q at its ends. The cells are equal in the
    arcsine of the root of p, where beta distributions are about as wide everywhere, and become small where p is next to
    1 or q next to 0; in the first and the last, where either density may be infinite, both are powers.
    """
    from scipy.special import betainc

    v = np.sin(np.linspace(0, 0.5 * np.pi, cells + 1)) ** 2
    p = betainc(one.a[:, None], one.b[:, None], np.minimum(tolerance + (1 - tolerance) * v, 1.0))
    q = betainc(two.a[:, None], two.b[:, None], (1 - tolerance) * v)
    mass, other = np.diff(p, axis=1), np.diff(q, axis=1)
    middle = 0.5 * (q[:, 1:] + q[:, :-1])
    # The next order of the rule, between all cells but the first and the last.
    middle[:, 2:-1] += other[:, 1:-2] / 12
    middle[:, 1:-2] -= other[:, 2:-1] / 12

    def probability(i: IntArray, j: IntArray) -> FloatArray:
        total = np.einsum("pg,pg->p", mass[i], middle[j])
        first = one.a[i] / (one.a[i] + two.a[j]) if tolerance == 0 else 1 / (1 + two.a[j])
        total += mass[i, 0] * (first - 0.5) * q[j, 1]
        if tolerance == 0:
            last = one.b[i] / (one.b[i] + two.b[j])
            total += mass[i, -1] * (0.5 - last) * (1 - q[j, -2])
        return np.asarray(total)

    return probability


def _spectrum(betas: Betas, cells: int) -> AnyArray:
    """Fourier transform of the masses of beta distributions in equal cells; shape (d, cells + 1)."""
    from scipy.special import betainc

    masses = np.diff(betainc(betas.a[:, None], betas.b[:, None], np.linspace(0, 1, cells + 1)), axis=1)
    return np.asarray(np.fft.rfft(masses, 2 * cells))


def _interval(spectrum: AnyArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Ends of the central interval of a difference, from the spectrum of its masses on a lattice."""
    cells = spectrum.shape[1] - 1
    # Differences of -cells to cells - 1 cells, the negative ones in the second half.
    mass = np.maximum(np.fft.fftshift(np.fft.irfft(spectrum, 2 * cells), axes=1), 0.0)
    # Within cells, a difference spreads over one cell to either side.
    below = np.cumsum(mass, axis=1) - 0.5 * mass
    at = np.arange(-cells, cells) / cells
    tail = 0.5 - 0.5 * level
    return _crossing(below, at, tail), _crossing(below, at, 1 - tail)


def _crossing(below: FloatArray, at: FloatArray, probability: float) -> FloatArray:
    """Where each distribution function reaches a probability, between two points of a lattice."""
    i = np.clip((below < probability).sum(axis=1), 1, at.size - 1)
    rows = np.arange(below.shape[0])
    low, high = below[rows, i - 1], below[rows, i]
    part = np.divide(probability - low, high - low, out=np.zeros(i.size), where=high > low)
    return np.asarray(at[i - 1] + np.clip(part, 0.0, 1.0) * (at[i] - at[i - 1]))
