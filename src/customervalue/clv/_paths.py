"""Purchases drawn at random: how many each customer makes in a window, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from customervalue._typing import BoolArray, FloatArray, IntArray

__all__ = ["AtOpportunities", "AtRandom", "Events", "Paths"]


class Events(NamedTuple):
    """Purchases of several customers, one after the other: customer (m,) and time (m,), ascending in both."""

    customer: IntArray
    time: FloatArray


class Paths(Protocol):
    """The purchases of n customers, each in a window of his own."""

    @property
    def count(self) -> IntArray:
        """How many purchases each customer makes; shape (n,)."""

    def keep(self, going: BoolArray) -> Paths:
        """The same without the purchases and the time of those who are not `going`."""

    def time_alive(self, delta: float) -> FloatArray:
        """How long each customer is alive in his window, discounted by exp(-delta t); shape (n,)."""

    def last(self, rng: np.random.Generator) -> FloatArray:
        """When each customer buys last, counted from the start of his window; 0 for those who do not buy."""

    def events(self, rng: np.random.Generator) -> Events:
        """When all of these purchases happen."""


@dataclass(frozen=True)
class AtRandom:
    """Purchases at any moment while alive: spread evenly over (0, span], the last one at `span` itself if `closed`."""

    count: IntArray
    span: FloatArray
    closed: BoolArray

    def keep(self, going: BoolArray) -> AtRandom:
        """The same without the purchases and the time of those who are not `going`."""
        return AtRandom(self.count * going, self.span * going, self.closed)

    def time_alive(self, delta: float) -> FloatArray:
        """How long each customer is alive in his window, discounted by exp(-delta t)."""
        return np.asarray(-np.expm1(-delta * self.span) / delta) if delta > 0 else self.span

    def last(self, rng: np.random.Generator) -> FloatArray:
        """The largest of `count` uniform times, drawn as such."""
        largest = rng.random(self.count.size) ** (1 / np.maximum(self.count, 1))
        return np.where(self.count > 0, np.where(self.closed, self.span, self.span * largest), 0.0)

    def events(self, rng: np.random.Generator) -> Events:
        """When all of these purchases happen."""
        customer = np.repeat(np.arange(self.count.size), self.count)
        share = rng.random(customer.size)
        ends = np.cumsum(self.count)
        share[ends[self.closed & (self.count > 0)] - 1] = 1.0
        time = share * self.span[customer]
        order = np.lexsort((time, customer))
        return Events(customer, time[order])


@dataclass(frozen=True)
class AtOpportunities:
    """Purchases at whole moments 1, 2, ..., span while alive, at most one at each."""

    count: IntArray
    span: IntArray

    def keep(self, going: BoolArray) -> AtOpportunities:
        """The same without the purchases and the time of those who are not `going`."""
        return AtOpportunities(self.count * going, self.span * going)

    def time_alive(self, delta: float) -> FloatArray:
        """At how many opportunities each customer is alive, discounted by exp(-delta t)."""
        if delta > 0:
            return np.asarray(-np.expm1(-delta * self.span) / np.expm1(delta))
        return self.span.astype(np.float64)

    def last(self, rng: np.random.Generator) -> FloatArray:
        """When each customer buys last; 0 for those who do not buy."""
        latest = np.zeros(self.count.size)
        drawn = self.events(rng)
        latest[drawn.customer] = drawn.time
        return latest

    def events(self, rng: np.random.Generator) -> Events:
        """`count` of the opportunities of each customer, every choice as likely as another."""
        open_to = np.where(self.count > 0, self.span, 0)
        customer = np.repeat(np.arange(open_to.size), open_to)
        before = np.cumsum(open_to) - open_to
        moment = np.arange(customer.size) - before[customer]
        chosen = np.empty(customer.size, dtype=np.bool_)
        chosen[np.lexsort((rng.random(customer.size), customer))] = moment < self.count[customer]
        return Events(customer[chosen], moment[chosen] + 1.0)
