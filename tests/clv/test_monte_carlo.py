"""Every prediction over the whole plausible range of parameters, against customers who are lived through to the end.

They are made purchase by purchase, and it is known of them what nobody sees: their own rates, and when they leave.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import qmc

from customervalue import CustomerSummary
from customervalue.clv import BGBB, BGNBD, MBGNBD, NBD, ParetoNBD

pytestmark = pytest.mark.slow

Array = NDArray[Any]
Model: TypeAlias = BGNBD | MBGNBD | ParetoNBD | NBD | BGBB
KINDS = (BGNBD, MBGNBD, ParetoNBD, NBD, BGBB)
N = 4_000
AFTER, HORIZON = 3.0, 10.0
RATE = 40.0  # per cent and year, times a hundred: within ten weeks it takes off half
DELTA = math.log1p(RATE) * 7 / 365.25
# About 5,000 means are compared: one in twenty such runs would have one so far off. The seeds are fixed.
ERRORS = 4.5
FEW = 200  # customers make no group
SETTINGS = 32


def between(share: float, low: float, high: float) -> float:
    return float(math.exp(math.log(low) + share * math.log(high / low)))


def designed(kind: Any, size: int) -> list[Model]:
    """A quasi-random design in the logarithms of the parameters."""
    dimension = len(kind.parameter_names)
    found = []
    for row in qmc.Sobol(dimension, seed=zlib.crc32(kind.__name__.encode())).random(size):
        if kind is BGBB:
            found.append(BGBB(*(between(share, 0.05, 20) for share in row)))
            continue
        r, mean = between(row[0], 0.05, 20), between(row[1], 0.01, 5)
        rest: dict[str, float] = {}
        if kind is ParetoNBD:
            rest = {"s": between(row[2], 0.05, 5), "beta": r / mean * between(row[3], 0.01, 100)}
        elif kind is not NBD:
            rest = {"a": between(row[2], 0.05, 20), "b": between(row[3], 0.05, 20)}
        found.append(kind(r=r, alpha=r / mean, **rest))
    return found


MODELS = [model for kind in KINDS for model in designed(kind, SETTINGS)]


class Lived(NamedTuple):
    """Histories to T, and all of what was and what came."""

    customers: CustomerSummary
    rate: Array
    dropout: Array
    leaves: Array  # when, counted from the first purchase
    purchases: Array  # in (T, T + HORIZON]
    later: Array  # in (T + AFTER, T + AFTER + HORIZON]
    present: Array  # value of `purchases`
    following: Array  # time from T to the next purchase, infinite if there is none within AFTER + HORIZON


def live(model: Model, rng: np.random.Generator, T: Array) -> Lived:
    return live_by_turns(model, rng, T) if isinstance(model, BGBB) else live_at_any_time(model, rng, T)


def live_by_turns(model: BGBB, rng: np.random.Generator, T: Array) -> Lived:
    """One opportunity after the other; `leaves` is the last one before he is gone."""
    n = T.size
    rate, dropout = rng.beta(model.alpha, model.beta, n), rng.beta(model.gamma, model.delta, n)
    x, t_x, there = np.zeros(n, dtype=np.int64), np.zeros(n), np.ones(n, dtype=bool)
    leaves = np.full(n, np.inf)
    purchases, later, present, following = np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, np.inf)
    for turn in range(1, int(T.max() + AFTER + HORIZON) + 2):
        lost = there & (rng.random(n) < dropout)
        leaves[lost] = turn - 1
        there &= ~lost
        bought, since = there & (rng.random(n) < rate), turn - T
        seen = bought & (since <= 0)
        x[seen] += 1
        t_x[seen] = turn
        following[bought & (since > 0)] = np.minimum(following, since)[bought & (since > 0)]
        soon = bought & (since > 0) & (since <= HORIZON)
        purchases[soon] += 1
        present[soon] += np.exp(-DELTA * since[soon])
        later[bought & (since > AFTER) & (since <= AFTER + HORIZON)] += 1
    return Lived(CustomerSummary(x, t_x, T), rate, dropout, leaves, purchases, later, present, following)


def live_at_any_time(model: Model, rng: np.random.Generator, T: Array) -> Lived:
    n = T.size
    assert not isinstance(model, BGBB)
    rate = rng.gamma(model.r, 1 / model.alpha, n)
    dropout, leaves = np.zeros(n), np.full(n, np.inf)
    at_purchases = isinstance(model, (BGNBD, MBGNBD))
    if isinstance(model, (BGNBD, MBGNBD)):
        dropout = rng.beta(model.a, model.b, n)
    elif isinstance(model, ParetoNBD):
        dropout = rng.gamma(model.s, 1 / model.beta, n)
        with np.errstate(divide="ignore", over="ignore"):
            leaves = rng.exponential(size=n) / dropout
    if isinstance(model, MBGNBD):
        leaves[rng.random(n) < dropout] = 0.0
    x, t_x = np.zeros(n, dtype=np.int64), np.zeros(n)
    purchases, later, present, following = np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, np.inf)
    now, going = np.zeros(n), np.flatnonzero(leaves > 0)
    while going.size:
        with np.errstate(divide="ignore", over="ignore"):
            now[going] += rng.exponential(size=going.size) / rate[going]
        going = going[now[going] <= np.minimum(leaves, T + AFTER + HORIZON)[going]]
        since = now[going] - T[going]
        past = going[since <= 0]
        x[past] += 1
        t_x[past] = now[past]
        ahead, wait = going[since > 0], since[since > 0]
        following[ahead] = np.minimum(following[ahead], wait)
        soon = wait <= HORIZON
        purchases[ahead[soon]] += 1
        present[ahead[soon]] += np.exp(-DELTA * wait[soon])
        later[ahead[wait > AFTER]] += 1
        if at_purchases:
            lost = rng.random(going.size) < dropout[going]
            leaves[going[lost]] = now[going[lost]]
            going = going[~lost]
    return Lived(CustomerSummary(x, t_x, T), rate, dropout, leaves, purchases, later, present, following)


@dataclass
class Comparison:
    """Means of what happened and of what was expected, for all customers and by their purchases."""

    groups: dict[str, Array]
    far: list[str] = field(default_factory=list)

    def compare(
        self, name: str, happened: Array, expected: Array, least: Array | float = 0.0, chances: tuple[Array, ...] = ()
    ) -> None:
        """Note what is far off; `least` is a lower bound of the variance of one.

        `chances` are of what the comparison hangs on: where fewer than 30 customers do it, a mean is not normal.
        """
        difference, bound = happened - expected, np.broadcast_to(least, happened.shape)
        for group, rows in self.groups.items():
            if np.count_nonzero(rows) < FEW:
                continue
            size = int(np.count_nonzero(rows))
            variance = max(float(difference[rows].var()), float(bound[rows].mean()))
            miss, error = float(difference[rows].mean()), math.sqrt(variance / size)
            rare = any(chance[rows].sum() < 30 for chance in chances)
            if not rare and abs(miss) > ERRORS * error + 1e-9 * abs(float(expected[rows].mean())):
                self.far.append(f"{name}, {group}: {miss / error:+.1f} errors, expected {expected[rows].mean():.4g}")


def place(model: Model) -> str:
    return f"{type(model).__name__}-" + "-".join(f"{name}={value:.3g}" for name, value in model.parameters.items())


def lived_through(number: int) -> tuple[Model, Lived]:
    model, rng = MODELS[number], np.random.default_rng(number)
    return model, live(model, rng, rng.choice(np.linspace(5, 30, 6 if model.whole_time else 11), N))


def chance(value: Array) -> Array:
    return np.asarray(value * (1 - value))


@pytest.mark.parametrize("number", range(len(MODELS)), ids=lambda number: place(MODELS[number]))
def test_predictions_are_what_happens(number: int) -> None:
    model, lived = lived_through(number)
    customers, x = lived.customers, lived.customers.frequency
    compared = Comparison(
        {
            "all": np.ones(N, dtype=bool),
            "x = 0": x == 0,
            "x of 1 to 3": (x > 0) & (x < 4),
            "x > 3": x > 3,
            "silent": customers.T - customers.recency > 10,
        }
    )
    # In BG/BB, alive is who is there for the next opportunity.
    turn = 1 if model.whole_time else 0
    alive = lived.leaves >= customers.T + turn
    value = model.probability_alive(customers)
    compared.compare("alive", alive.astype(float), value, chance(value), (value, 1 - value))
    value = model.probability_alive(customers, after=AFTER)
    compared.compare(
        "alive later",
        (lived.leaves >= customers.T + AFTER + turn).astype(float),
        value,
        chance(value),
        (value, 1 - value),
    )
    active = value = model.probability_active(customers, HORIZON)
    compared.compare("active", (lived.purchases > 0).astype(float), value, chance(value), (value, 1 - value))
    value = model.expected_purchases(customers, HORIZON)
    compared.compare("purchases", lived.purchases, value, value, (active,))
    value = model.expected_purchases(customers, HORIZON, after=AFTER)
    compared.compare("purchases later", lived.later, value, value, (active,))
    for n in range(4):
        value = model.probability_of_purchases(n, HORIZON, customers=customers)
        compared.compare(
            f"{n} purchases", (lived.purchases == n).astype(float), value, chance(value), (value, 1 - value)
        )
    value = model.discounted_expected_purchases(customers, discount_rate=RATE, horizon=HORIZON)
    compared.compare("discounted purchases", lived.present, value, value, (active,))
    time = np.clip(lived.leaves - customers.T, 0, HORIZON)
    # It hangs on those who are alive, and on those of them who leave.
    there = model.probability_alive(customers)
    stays: tuple[Array, ...] = (there, there - model.probability_alive(customers, after=HORIZON))
    if isinstance(model, NBD):
        stays = ()
    value = model.expected_lifetime(customers, HORIZON) / HORIZON
    compared.compare("lifetime", time / HORIZON, value, 0.0, stays)
    value = model.discounted_expected_lifetime(customers, discount_rate=RATE, horizon=HORIZON)
    step = np.expm1(DELTA) if model.whole_time else DELTA
    compared.compare("discounted lifetime", -np.expm1(-DELTA * time) / step / HORIZON, value / HORIZON, 0.0, stays)
    compared.compare("rate", lived.rate, model.expected_purchase_rate(customers))
    compared.compare("dropout", lived.dropout, model.expected_dropout(customers))
    for quantile in () if model.whole_time else (0.1, 0.4):
        until = model.time_to_next_purchase(customers, quantile)
        seen = until <= AFTER + HORIZON
        apart = Comparison({name: rows & seen for name, rows in compared.groups.items()}, compared.far)
        share = np.full(N, quantile)
        apart.compare(
            f"next by {quantile}", (lived.following <= until).astype(float), share, chance(share), (share, 1 - share)
        )
    # The histories themselves, as those of new customers.
    lengths, place_of = np.unique(customers.T, return_inverse=True)
    new = Comparison({"all": np.ones(N, dtype=bool), "short": customers.T < 10}, compared.far)
    value = model.expected_purchases_new(lengths)[place_of]
    buys = 1 - model.probability_of_purchases(0, lengths)[place_of]
    new.compare("purchases of the new", x.astype(float), value, value, (buys,))
    for n in range(4):
        value = model.probability_of_purchases(n, lengths)[place_of]
        new.compare(f"{n} purchases of the new", (x == n).astype(float), value, chance(value), (value, 1 - value))
    assert not compared.far


@pytest.mark.parametrize("number", range(0, 4 * SETTINGS, 4), ids=lambda number: place(MODELS[number]))
@pytest.mark.parametrize("x", [0, 1, 6])
def test_overdue_is_uniform_at_the_next_purchase(number: int, x: int) -> None:
    # Whoever makes one more purchase makes it at a place that is uniform in the distribution of such times.
    model, rng = MODELS[number], np.random.default_rng(1_000 + number)
    assert not isinstance(model, BGBB)  # the last ones
    rate = np.maximum(rng.gamma(model.r, 1 / model.alpha, N), 1e-200)
    t_x = rng.gamma(x, size=N) / rate if x > 0 else np.zeros(N)
    customers = CustomerSummary(np.full(N, x), t_x, t_x + rng.exponential(size=N) / rate)
    place_of_silence = model.overdue(customers)
    compared = Comparison({"all": np.ones(N, dtype=bool), "early": t_x < np.median(t_x), "late": t_x > np.median(t_x)})
    compared.compare("mean", place_of_silence, np.full(N, 0.5))
    for level in (0.05, 0.5, 0.9, 0.99):
        by_then = (place_of_silence <= level).astype(float)
        compared.compare(
            f"{level}", by_then, np.full(N, level), chance(np.full(N, level)), (np.full(N, min(level, 1 - level)),)
        )
    assert not compared.far


def test_the_range_is_wide_and_the_settings_many() -> None:
    assert [sum(isinstance(model, kind) for model in MODELS) for kind in KINDS] == [32] * 5
    for kind in (BGNBD, MBGNBD, ParetoNBD, NBD):
        some = [model for model in MODELS if isinstance(model, kind)]
        r = [model.r for model in some]
        assert min(r) < 0.1
        assert max(r) > 10
        mean = [model.r / model.alpha for model in some]
        assert min(mean) < 0.02
        assert max(mean) > 2.5
