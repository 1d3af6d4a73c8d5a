"""Linear quantile regression: exact, by steps from vertex to vertex among the few rows that decide, and proven."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from customervalue.errors import ConvergenceError, invalid

if TYPE_CHECKING:
    from customervalue._typing import FloatArray, IntArray

__all__ = ["QuantileProblem", "Vertex", "linear_program", "pinball", "quantile_regression"]

#: Up to this many rows, all take part from the start.
_FEW = 1_000
#: How far the values are shaken so that no two rows tie, beside how far they usually lie apart, or beside themselves.
_SHAKE, _LEAST_SHAKE = 1e-9, 1e-13
#: Slope that is none, beside the mean weight and the sum of weights.
_FLAT, _FLAT_SUM = 1e-11, 1e-15
#: Loss above the best, beside the loss, that is proof enough: of our own method, and of the linear program.
_PROOF, _PROGRAM_PROOF = 1e-9, 1e-6
#: Rows among which the next one that a step meets is looked for first.
_NEAREST = 64
#: Columns less independent than this, beside the longest, are dependent; or need the slower of two factorizations.
_DEPENDENT, _CLOSE = 1e-10, 1e-3


def pinball(y: FloatArray, prediction: FloatArray, quantile: float) -> FloatArray:
    """Loss of a prediction of a quantile: q (y - p) where y is above, (1 - q) (p - y) where it is below.

    Examples
    --------
    >>> pinball(np.array([10.0, 10.0]), np.array([8.0, 12.0]), 0.9)
    array([1.8, 0.2])
    """
    over = y - prediction
    return np.asarray(np.maximum(quantile * over, (quantile - 1) * over))


def quantile_regression(
    design: FloatArray, y: FloatArray, quantile: float, weights: FloatArray | None = None
) -> FloatArray:
    """Coefficients of the linear function with the smallest pinball loss.

    Parameters
    ----------
    design : ndarray of float64, shape (n, k)
        Linearly independent columns, one of which is usually 1; n >= k.
    y : ndarray of float64, shape (n,)
    quantile : float
        In (0, 1).
    weights : ndarray of float64, shape (n,), optional
        How often each row counts, >= 0; once by default.

    Returns
    -------
    ndarray of float64, shape (k,)
        Of a function through k of the rows. Where several functions have the smallest loss, one of them.

    Raises
    ------
    InvalidInputError
        If the columns of the design are linearly dependent, or there are fewer rows than columns.
    ConvergenceError
        If neither our own method nor the linear program finds a function that can be shown to be the best.

    References
    ----------
    .. [1] Koenker & Bassett (1978), Econometrica 46(1), 33-50, theorem 3.3 (when a vertex is optimal).
    .. [2] Koenker & d'Orey (1987), Applied Statistics 36(3), 383-393 (steps along edges with a line search).
    .. [3] Portnoy & Koenker (1997), Statistical Science 12(4), 279-300, section 5 (rows that surely lie above or below
       are set aside).

    Examples
    --------
    >>> quantile_regression(np.ones((5, 1)), np.array([3.0, 1, 4, 1, 5]), 0.7)
    array([4.])
    """
    if weights is None or np.all(weights > 0):
        return QuantileProblem(design, y).solve(quantile, weights).coefficients
    counts = weights > 0
    return QuantileProblem(design[counts], y[counts]).solve(quantile, weights[counts]).coefficients


def linear_program(design: FloatArray, y: FloatArray, quantile: float, weights: FloatArray | None = None) -> FloatArray:
    """Coefficients of the same by SciPy's interior-point method on the dual linear program: slower, and independent.

    Raises
    ------
    ConvergenceError
        If the program is not solved, or its solution is not the best by its own dual.

    Examples
    --------
    >>> linear_program(np.ones((5, 1)), np.array([3.0, 1, 4, 1, 5]), 0.7).round(6)
    array([4.])
    """
    from scipy.optimize import linprog

    w: FloatArray = np.ones(len(y)) if weights is None else weights
    size, unit = np.abs(design).max(axis=0), _usual(y)
    x, values = design / size, y / unit
    box = [(0.0, each) for each in w.tolist()]
    found = linprog(-values, A_eq=x.T, b_eq=(1 - quantile) * (w @ x), bounds=box, method="highs-ipm")
    if found.status != 0:
        raise ConvergenceError(f"the linear program of the quantile regression was not solved: {found.message}")
    beta, dual = np.asarray(-found.eqlin.marginals), np.asarray(found.x)
    residual, pull = values - x @ beta, dual - (1 - quantile) * w
    loss = w * pinball(residual, np.zeros(len(y)), quantile)
    gap = float(np.sum(loss - pull * residual))
    # At right angles, columns that are nearly the same cannot hide what is left of the constraints.
    left = np.abs(_sums(_at_right_angles(x.T), pull)).max()
    if not (gap <= _PROGRAM_PROOF * float(loss.sum() + w.sum()) and left <= _PROGRAM_PROOF * float(w.sum())):
        raise ConvergenceError(
            "the quantile regression was not solved: its numbers are of too different sizes. Give the columns another "
            "origin or unit, and look for values that are not what they should be."
        )
    return np.asarray(beta * unit / size)


@dataclass(frozen=True)
class Vertex:
    """A linear function through as many rows as it has coefficients.

    Attributes
    ----------
    coefficients : ndarray of float64, shape (k,)
    rows : ndarray of int64, shape (k,)
        The problem's own numbers of the rows; empty if the function is not known to go through any.
    """

    coefficients: FloatArray
    rows: IntArray


class QuantileProblem:
    """A design and its values, prepared once for several quantiles or sets of weights.

    Parameters
    ----------
    design : ndarray of float64, shape (n, k)
    y : ndarray of float64, shape (n,)

    Raises
    ------
    InvalidInputError
        If the columns of the design are linearly dependent, or there are fewer rows than columns.

    Examples
    --------
    >>> problem = QuantileProblem(np.ones((5, 1)), np.array([3.0, 1, 4, 1, 5]))
    >>> problem.solve(0.7).coefficients, problem.solve(0.3).coefficients
    (array([4.]), array([1.]))
    """

    def __init__(self, design: FloatArray, y: FloatArray) -> None:
        n, k = design.shape
        if n < k:
            raise invalid("design", f"`design` must have at least as many rows as columns, and has {n} and {k}")
        # Rows in random order, so that the first m of them are a sample; the same order each time.
        rng = np.random.default_rng(20_231)
        self.order: IntArray = rng.permutation(n)
        self.y: FloatArray = y[self.order]
        # A column of the design is a row here, so that sums along it run through memory in order.
        self.columns: FloatArray = np.ascontiguousarray(design[self.order].T)
        self.size = np.abs(self.columns).max(axis=1)
        self.size[self.size == 0] = 1.0
        self.x = _at_right_angles(self.columns / self.size[:, None])
        self.leverage: FloatArray = np.sqrt(np.einsum("ji,ji->i", self.x, self.x))
        # What least squares leaves of the values has the same vertices as the values have, with fewer digits in front;
        # but with more where one enormous value draws the fit away from all others.
        residual = self.y - _values(self.x, _sums(self.x, self.y) / n)
        base = residual if _usual(residual) <= _usual(self.y) else self.y
        scale = min(_usual(base), _usual(self.y - np.median(self.y)))
        self.rounding: FloatArray = _LEAST_SHAKE * (np.abs(self.y) + np.abs(self.y - base))
        self.shaken: FloatArray = base + np.maximum(_SHAKE * scale, self.rounding) * rng.uniform(-1, 1, n)

    def solve(self, quantile: float, weights: FloatArray | None = None, near: Vertex | None = None) -> Vertex:
        """Find the function with the smallest loss.

        Parameters
        ----------
        quantile : float
            In (0, 1).
        weights : ndarray of float64, shape (n,), optional
            Of each row, > 0.
        near : Vertex, optional
            A solution of this problem with other weights.

        Examples
        --------
        >>> problem = QuantileProblem(np.ones((3, 1)), np.array([3.0, 1, 4]))
        >>> problem.solve(0.5, weights=np.array([1.0, 1, 3])).coefficients
        array([4.])
        """
        w = np.ones(len(self.y)) if weights is None else weights[self.order]
        task = _Task(self, quantile, w)
        rows = task.solve(len(self.y)) if near is None or not near.rows.size else task.near(near.rows)
        if rows is not None:
            beta: FloatArray = np.linalg.solve(self.columns[:, rows].T / self.size, self.y[rows]) / self.size
            if task.proves(rows, beta):
                return Vertex(beta, rows)
        return Vertex(linear_program(self.columns.T, self.y, quantile, w), np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class _Task:
    """One quantile and one set of weights; a vertex is known by its rows."""

    of: QuantileProblem
    quantile: float
    w: FloatArray

    def solve(self, m: int) -> IntArray | None:
        """The best vertex of the first m rows; None if there is none, or it was not found."""
        k = len(self.of.x)
        sample = max(_FEW, int(2 * k ** (1 / 3) * m ** (2 / 3)))
        if 2 * sample > m:
            return self.among(np.arange(m), np.zeros(k), self.start(m))
        rows = self.solve(sample)
        # A row changes sides only if it lies near the guess; the guess is off by what a sample of its size is off by.
        return self.aside(m, rows, 3 * m * math.sqrt(k / sample))

    def near(self, rows: IntArray) -> IntArray | None:
        """The best vertex of all rows, from that of other weights."""
        k, n = self.of.x.shape
        return self.aside(n, rows, 4 * math.sqrt(n * k))

    def aside(self, m: int, rows: IntArray | None, moves: float) -> IntArray | None:
        """The best vertex of the first m rows: most stay on their side of a guess and only those near it are weighed.

        Where some turn out to have changed sides, they join those that are weighed.
        """
        x, y, k = self.of.x[:, :m], self.of.shaken[:m], len(self.of.x)
        if rows is None:
            return self.among(np.arange(m), np.zeros(k), self.start(m))
        residual = y - _values(x, self.through(rows))
        above = residual > 0
        pull = self.w[:m] * (self.quantile - ~above)
        keep = min(m, int(moves * math.sqrt(self.quantile * (1 - self.quantile))) + 20 * k)
        distance = np.abs(residual) / np.maximum(self.of.leverage[:m], 1e-300)
        distance[rows] = 0.0
        near = np.zeros(m, dtype=bool)
        near[np.argpartition(distance, keep - 1)[:keep]] = True
        total = _sums(x, pull)
        while True:
            kept = np.flatnonzero(near)
            found = self.among(kept, total - _sums(x[:, kept], pull[kept]), rows)
            if found is not None:
                rows = found
                moved = (y - _values(x, self.through(rows)) > 0) != above
                if not np.any(moved & ~near):
                    return rows
                near |= moved
            elif keep == m:
                return None
            else:
                # Those near cannot hold against the pull of the others: weigh more of them.
                keep = min(m, 4 * keep)
                near[np.argpartition(distance, keep - 1)[:keep]] = True

    def start(self, m: int) -> IntArray | None:
        """As many rows as columns, far from dependent, among the first m; None if there are none."""
        from scipy.linalg import qr

        k = len(self.of.x)
        for some in (50 * k, m):
            triangle, chosen = qr(self.of.x[:, : min(some, m)], mode="r", pivoting=True)
            size = np.abs(np.diag(triangle))
            if len(size) == k and size.min() > 1e-6 * size.max():
                return np.asarray(chosen[:k], dtype=np.int64)
        return None

    def through(self, rows: IntArray) -> FloatArray:
        """Coefficients, in terms of `x`, of the function through some rows."""
        return np.asarray(np.linalg.solve(self.of.x[:, rows].T, self.of.shaken[rows]))

    def among(self, rows: IntArray, slope: FloatArray, start: IntArray | None) -> IntArray | None:
        """Go from vertex to vertex down the loss of `rows` less `slope` times the coefficients, to the lowest.

        None where there is no lowest one, or too many steps are needed.
        """
        if start is None:
            return None
        x, y, w, q = self.of.x[:, rows], self.of.shaken[rows], self.w[rows], self.quantile
        basis = np.searchsorted(rows, start)
        enough = _FLAT * float(w.mean()) + _FLAT_SUM * float(w.sum())
        for _ in range(50 * (len(basis) + 20)):
            inverse: FloatArray = np.asarray(np.linalg.inv(x[:, basis].T), dtype=np.float64)
            residual = y - _values(x, inverse @ y[basis])
            pull = w * (q - (residual < 0))
            pull[basis] = 0.0
            dual = (slope + _sums(x, pull)) @ inverse
            # How the loss changes if the function rises above one of its rows, or sinks below it, and keeps the others.
            rates = np.concatenate([w[basis] * (1 - q) - dual, w[basis] * q + dual])
            j = int(np.argmin(rates / np.tile(np.linalg.norm(inverse, axis=0), 2)))
            if rates[j] >= -enough:
                return rows[basis]
            leaving = j % len(basis)
            direction = inverse[:, leaving] if j < len(basis) else -inverse[:, leaving]
            entering = _first_to_stop(residual, _values(x, direction), w, float(rates[j]), basis)
            if entering is None:
                return None
            basis[leaving] = entering
        return None

    def proves(self, rows: IntArray, beta: FloatArray) -> bool:
        """Whether the dual solution of a vertex shows that no other function has a smaller loss."""
        of, w, q = self.of, self.w, self.quantile
        pull = w * (q - (of.shaken - _values(of.x, self.through(rows)) < 0))
        pull[rows] = 0.0
        pull[rows] = at = -np.linalg.solve(of.x[:, rows], _sums(of.x, pull))
        slack = 1e-7 * float(w.mean())
        if np.any((at < w[rows] * (q - 1) - slack) | (at > w[rows] * q + slack)):
            return False
        # The rows' losses less what the dual solution has for them are none below zero, and add up to the distance
        # from the best: row by row, so that one enormous value does not hide the others.
        residual = of.y - _values(of.columns, beta)
        loss = w * pinball(residual, np.zeros(len(residual)), q)
        pull[rows] = np.clip(at, w[rows] * (q - 1), w[rows] * q)
        gap = float(np.maximum(loss - pull * residual - 10 * w * of.rounding, 0.0).sum())
        loss[rows] = 0.0  # but for rounding
        enough = _PROOF * float(np.minimum(loss, 100 * _usual(loss)).sum())
        return gap <= enough + 10 * _LEAST_SHAKE * _usual(of.y) * float(w.sum())


def _usual(values: FloatArray) -> float:
    """Median distance from 0 of those that are not 0; 1 if all are. One enormous value does not move it."""
    distance = np.abs(values[values != 0])
    return float(np.median(distance)) if distance.size else 1.0


def _values(columns: FloatArray, coefficients: FloatArray) -> FloatArray:
    """Of a linear function at each row; columns have shape (k, n)."""
    return np.asarray(np.einsum("ji,j->i", columns, coefficients))


def _sums(columns: FloatArray, factors: FloatArray) -> FloatArray:
    """Of each column, its rows times their factors; columns have shape (k, n)."""
    return np.asarray(np.einsum("ji,i->j", columns, factors))


def _at_right_angles(columns: FloatArray) -> FloatArray:
    """Combinations of columns, shape (k, n), that are at right angles to one another and of length sqrt(n).

    In terms of these the same steps are taken whatever the units of the columns.
    """
    n = columns.shape[1]
    gram = np.einsum("ji,li->jl", columns, columns) / n
    try:
        triangle = np.linalg.cholesky(gram)
        if np.diag(triangle).min() > _CLOSE * np.diag(triangle).max():
            return np.asarray(np.einsum("lj,ji->li", np.linalg.inv(triangle), columns), dtype=np.float64)
    except np.linalg.LinAlgError:
        pass
    basis, upper = np.linalg.qr(columns.T)
    independent = np.abs(np.diag(upper))
    if not independent.min() > _DEPENDENT * independent.max():
        raise invalid("design", "the columns of `design` are linearly dependent")
    return np.ascontiguousarray(basis.T) * math.sqrt(n)


def _first_to_stop(
    residual: FloatArray, change: FloatArray, weight: FloatArray, rate: float, basis: IntArray
) -> int | None:
    """The row at which the loss stops falling along a direction in which the fit changes by `change`; None if none.

    Each row that the function passes makes the loss fall less steeply, by its weight times its change.
    """
    meets = residual * change > 0
    meets[basis] = False
    rows = np.flatnonzero(meets)
    step, steeper = residual[rows] / change[rows], weight[rows] * np.abs(change[rows])
    count = _NEAREST
    while count < len(rows):
        nearest = np.argpartition(step, count)[:count]
        if rate + float(steeper[nearest].sum()) >= 0:
            rows, step, steeper = rows[nearest], step[nearest], steeper[nearest]
            break
        count *= 8
    order = np.argsort(step)
    stop = int(np.searchsorted(rate + np.cumsum(steeper[order]), 0.0))
    return int(rows[order[stop]]) if stop < len(rows) else None
