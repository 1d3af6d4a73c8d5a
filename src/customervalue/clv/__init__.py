"""Purchase models, spend models and the lifetime value they make together."""

from __future__ import annotations

from customervalue.clv._simulation import Future
from customervalue.clv.bg_bb import BGBB
from customervalue.clv.bg_nbd import BGNBD
from customervalue.clv.comparison import Comparison, LikelihoodRatio, compare, likelihood_ratio_test
from customervalue.clv.gamma_gamma import GammaGamma, SpendInference
from customervalue.clv.intervals import Interval, interval, prediction_draws
from customervalue.clv.lifetime_value import customer_lifetime_value, new_customer_lifetime_value
from customervalue.clv.mbg_nbd import MBGNBD
from customervalue.clv.nbd import NBD
from customervalue.clv.pareto_nbd import ParetoNBD
from customervalue.clv.uncertainty import bootstrap, profile_interval, robust_inference
from customervalue.estimation.draws import Draws
from customervalue.estimation.inference import Inference
from customervalue.estimation.priors import LogNormal

__all__ = [
    "BGBB",
    "BGNBD",
    "MBGNBD",
    "NBD",
    "Comparison",
    "Draws",
    "Future",
    "GammaGamma",
    "Inference",
    "Interval",
    "LikelihoodRatio",
    "LogNormal",
    "ParetoNBD",
    "SpendInference",
    "bootstrap",
    "compare",
    "customer_lifetime_value",
    "interval",
    "likelihood_ratio_test",
    "new_customer_lifetime_value",
    "prediction_draws",
    "profile_interval",
    "robust_inference",
]
