"""Share of customer: what part of a customer's purchases in the category is ours, one customer at a time."""

from __future__ import annotations

__all__: list[str] = []
