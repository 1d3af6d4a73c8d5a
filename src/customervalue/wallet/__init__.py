"""Share of customer: what part of a customer's purchases in the category is ours, one customer at a time."""

from __future__ import annotations

from customervalue.wallet._frontier_loss import pinball_loss
from customervalue.wallet._frontier_results import (
    FrontierCoverage,
    FrontierDiagnostics,
    FrontierFit,
    FrontierScore,
)
from customervalue.wallet._regression_linear import RegressionInference
from customervalue.wallet.allocation import AllocationScore, allocation_gain, allocation_score, wallet_allocation
from customervalue.wallet.beta_binomial import BetaBinomialShare
from customervalue.wallet.calibration import Calibration, calibration_table, cross_validate
from customervalue.wallet.category import CategorySummary, MarketShareIdentity, ShareDistribution, category_summary
from customervalue.wallet.dirichlet_share import DirichletShare
from customervalue.wallet.frontier import WalletFrontier
from customervalue.wallet.headroom import Opportunity, headroom, opportunity
from customervalue.wallet.nbd_dirichlet import (
    BrandComparison,
    BrandTable,
    CategoryTable,
    Duplication,
    ExpectedWallet,
    NBDDirichlet,
)
from customervalue.wallet.overlap import Overlap, overlap
from customervalue.wallet.share import share_of_wallet
from customervalue.wallet.share_change import ShareChange, ShareChangeCounts, share_change
from customervalue.wallet.share_regression import PartialEffects, ShareRegression
from customervalue.wallet.wallet_regression import WalletRegression

__all__ = [
    "AllocationScore",
    "BetaBinomialShare",
    "BrandComparison",
    "BrandTable",
    "Calibration",
    "CategorySummary",
    "CategoryTable",
    "DirichletShare",
    "Duplication",
    "ExpectedWallet",
    "FrontierCoverage",
    "FrontierDiagnostics",
    "FrontierFit",
    "FrontierScore",
    "MarketShareIdentity",
    "NBDDirichlet",
    "Opportunity",
    "Overlap",
    "PartialEffects",
    "RegressionInference",
    "ShareChange",
    "ShareChangeCounts",
    "ShareDistribution",
    "ShareRegression",
    "WalletFrontier",
    "WalletRegression",
    "allocation_gain",
    "allocation_score",
    "calibration_table",
    "category_summary",
    "cross_validate",
    "headroom",
    "opportunity",
    "overlap",
    "pinball_loss",
    "share_change",
    "share_of_wallet",
    "wallet_allocation",
]
