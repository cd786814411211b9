r"""Scores by which a grid search, a cross-validation or a nested one chooses a flow.

.. math::

    \text{fit} = \frac{\text{energy}(\text{samples}, X)}{(1/n + 1/m) \, E‖x - x'‖}, \qquad
    \text{copy} = \frac{\text{median}_i \min_j ‖y_i - t_j‖}{\text{median}_i \min_j ‖x_i - t_j‖}

    \text{fit without copying} = - \text{fit} · \max(\text{copy}, 1/\text{copy})

Of a flow, fitted to target rows t, n samples y are compared with m held-out target rows x. Higher
is better, as always in scikit-learn. A distance to held-out rows alone is no safe guide: the rows
that a flow was fitted to are fresh rows themselves, as far as the held-out ones can tell, so that
copies of them look all but perfect, and better than samples that are a little too wide. What gives
copies away is that they lie nearer to the rows t than held-out rows do.

References
----------
Székely, G. J. and Rizzo, M. L. (2013). Energy statistics: A class of statistics based on
distances. Journal of Statistical Planning and Inference 143.
Meehan, C., Chaudhuri, K. and Dasgupta, S. (2020). A Non-Parametric Test to Detect Data-Copying in
Generative Models. AISTATS.
Lopez-Paz, D. and Oquab, M. (2017). Revisiting Classifier Two-Sample Tests. ICLR.
Bruzzone, L. and Marconcini, M. (2010). Domain Adaptation Problems: A DASVM Classification Technique
and a Circular Validation Strategy. IEEE Transactions on Pattern Analysis and Machine Intelligence
32(5).
Zhong, E. et al. (2010). Cross Validation Framework to Choose amongst Models and Datasets for
Transfer Learning. ECML PKDD.
"""

from __future__ import annotations

from skflow.model_selection._circular import CircularValidation, RoundTrips
from skflow.model_selection._scorer import FlowScorer, get_scorer, get_scorer_names, get_scorers
from skflow.model_selection._scores import SCORES
from skflow.model_selection._source import whole

__all__ = [
    "SCORES",
    "CircularValidation",
    "FlowScorer",
    "RoundTrips",
    "get_scorer",
    "get_scorer_names",
    "get_scorers",
    "whole",
]
