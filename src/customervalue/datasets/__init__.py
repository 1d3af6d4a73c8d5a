"""Small public data sets, for examples and for tests."""

from customervalue.datasets.cdnow import load_cdnow
from customervalue.datasets.panels import load_catsup, load_yogurt

__all__ = ["load_catsup", "load_cdnow", "load_yogurt"]
