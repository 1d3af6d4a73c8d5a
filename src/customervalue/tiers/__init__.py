"""Treat different customers differently: how they differ, how sure we are, and how they move."""

from __future__ import annotations

__all__: list[str] = []
