"""Treat different customers differently: how they differ, how sure we are, and how they move."""

from __future__ import annotations

from customervalue.tiers._migration_chance import ExpectedMigration, chance_migration, expected_migration
from customervalue.tiers._migration_forecast import MixForecast
from customervalue.tiers._migration_movements import Movements
from customervalue.tiers._migration_regression import RegressionToTheMean, regression_to_the_mean
from customervalue.tiers._value_distribution import NormalValues
from customervalue.tiers.assignment import Assignment, assign
from customervalue.tiers.certainty import TierProbabilities, tier_probabilities
from customervalue.tiers.concentration import (
    Concentration,
    ConcentrationComparison,
    ConcentrationInterval,
    Deciles,
    DrawnConcentration,
    LorenzCurve,
    TrueConcentration,
    WhaleCurve,
    concentration,
    concentration_of_draws,
    true_concentration,
)
from customervalue.tiers.cuts import Cut
from customervalue.tiers.differentiation import Differentiation, differentiate
from customervalue.tiers.migration import Migration, migration
from customervalue.tiers.needs import CategoryNeeds, NeedsMet, NeedSuggestions, needs_met
from customervalue.tiers.peers import potential_from_peers
from customervalue.tiers.rfm import (
    RFMCells,
    RFMCuts,
    RFMScores,
    RFMSegments,
    RuleCells,
    rfm_rule_cells,
    rfm_scores,
    rfm_segments,
)
from customervalue.tiers.scheme import Scheme
from customervalue.tiers.value_tiers import ValueTiers, value_tiers

__all__ = [
    "Assignment",
    "CategoryNeeds",
    "Concentration",
    "ConcentrationComparison",
    "ConcentrationInterval",
    "Cut",
    "Deciles",
    "Differentiation",
    "DrawnConcentration",
    "ExpectedMigration",
    "LorenzCurve",
    "Migration",
    "MixForecast",
    "Movements",
    "NeedSuggestions",
    "NeedsMet",
    "NormalValues",
    "RFMCells",
    "RFMCuts",
    "RFMScores",
    "RFMSegments",
    "RegressionToTheMean",
    "RuleCells",
    "Scheme",
    "TierProbabilities",
    "TrueConcentration",
    "ValueTiers",
    "WhaleCurve",
    "assign",
    "chance_migration",
    "concentration",
    "concentration_of_draws",
    "differentiate",
    "expected_migration",
    "migration",
    "needs_met",
    "potential_from_peers",
    "regression_to_the_mean",
    "rfm_rule_cells",
    "rfm_scores",
    "rfm_segments",
    "tier_probabilities",
    "true_concentration",
    "value_tiers",
]
