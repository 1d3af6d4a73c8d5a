"""Who stays: observed cohorts, revenue kept, survival, contracts, and customers as volume dials."""

from __future__ import annotations

from customervalue.retention._revenue_bridge import RevenueBridge
from customervalue.retention._revenue_intervals import RevenueIntervals
from customervalue.retention._survival_curve import SurvivalCurve
from customervalue.retention._survival_results import RestrictedMean, RetentionByAge
from customervalue.retention.attrition import (
    ActiveCustomers,
    OverdueCustomers,
    RetentionCurve,
    expected_active,
    overdue_customers,
    retention_curve,
)
from customervalue.retention.cohorts import CellInterval, CohortAverage, CohortComparison, CohortTable, cohort_table
from customervalue.retention.completion import Backtest, CompletedTable, backtest, complete
from customervalue.retention.contracts import BetaDiscreteWeibull, ContractInterval, Geometric, ShiftedBetaGeometric
from customervalue.retention.dials import DialCounts, VolumeDial, volume_dial, volume_dial_between, volume_dials
from customervalue.retention.durations import Durations, durations, time_to_purchase
from customervalue.retention.repeats import RepeatRates, repeat_rates
from customervalue.retention.revenue import RevenueBridges, revenue_bridge, revenue_bridges
from customervalue.retention.survival import SurvivalComparison, compare_survival, survival_curve

__all__ = [
    "ActiveCustomers",
    "Backtest",
    "BetaDiscreteWeibull",
    "CellInterval",
    "CohortAverage",
    "CohortComparison",
    "CohortTable",
    "CompletedTable",
    "ContractInterval",
    "DialCounts",
    "Durations",
    "Geometric",
    "OverdueCustomers",
    "RepeatRates",
    "RestrictedMean",
    "RetentionByAge",
    "RetentionCurve",
    "RevenueBridge",
    "RevenueBridges",
    "RevenueIntervals",
    "ShiftedBetaGeometric",
    "SurvivalComparison",
    "SurvivalCurve",
    "VolumeDial",
    "backtest",
    "cohort_table",
    "compare_survival",
    "complete",
    "durations",
    "expected_active",
    "overdue_customers",
    "repeat_rates",
    "retention_curve",
    "revenue_bridge",
    "revenue_bridges",
    "survival_curve",
    "time_to_purchase",
    "volume_dial",
    "volume_dial_between",
    "volume_dials",
]
