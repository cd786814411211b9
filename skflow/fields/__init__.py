"""Fields: one file a family, each the velocity of a flow.

==========  =======================  ==========================================  ===============
name        class                    velocity v(z; p, q, σ)                      source
==========  =======================  ==========================================  ===============
kernel      `KernelScoreDifference`  ``D_p(z;σ) - D_q(z;σ)`` by kernel means     Weber, 15-16
denoiser    `DenoiserDifference`     the same by denoisers, learned or observed  Weber, 18-19
critic      `CriticGradient`         ``σ² ∇h(z)``, slope of a critic's logit     Weber, 30-32
discrimi-   `Discriminator`          ``s² ∇h(z, t)``, a critic of rows on a way  Franceschi, 20
nator
score       `TargetScore`            ``D_p(z;σ) - z = σ² ∇ log p``               Franceschi, 4-9
entropy     `Entropy`                ``z - D_q(z;σ) = -σ² ∇ log q``              Franceschi
sum         `WeightedSum`            ``Σ_m a_m v_m``                             Franceschi
divergence  `FDivergence`            ``r f''(r) (D_p - D_q)``, r = q/p           Franceschi
stein       `Stein`                  scores smoothed over q, and repulsion       Liu & Wang 2016
mmd         `MMDGradient`            gradient of the squared MMD                 Weber, 44-46
laplace     `LaplaceMeanShift`       ``D_p - D_q`` by Laplace kernels            2602.04770
sliced      `SlicedEnergyGradient`   gradient of the energy distance, by sorts   2305.11463
==========  =======================  ==========================================  ===============

Weber (2023), arXiv:2304.12906; Franceschi et al. (2023), arXiv:2305.16150.
"""

from __future__ import annotations

from skflow.fields._base import Field, FieldState, FlowDefaults, Limits
from skflow.fields._critic import CriticGradient
from skflow.fields._denoiser_difference import DenoiserDifference
from skflow.fields._denoisers import LearnedDenoiser
from skflow.fields._discriminator import Discriminator
from skflow.fields._divergence import FDivergence
from skflow.fields._input_gradient import critic_output, input_gradient, pull_back
from skflow.fields._laplace import LaplaceMeanShift
from skflow.fields._losses import CriticLoss
from skflow.fields._mmd import MMDGradient
from skflow.fields._registry import FIELDS, make_field
from skflow.fields._score_difference import KernelScoreDifference
from skflow.fields._scores import Entropy, TargetScore
from skflow.fields._sliced import SlicedEnergyGradient
from skflow.fields._stein import Stein
from skflow.fields._sum import WeightedSum

__all__ = [
    "FIELDS",
    "CriticGradient",
    "CriticLoss",
    "DenoiserDifference",
    "Discriminator",
    "Entropy",
    "FDivergence",
    "Field",
    "FieldState",
    "FlowDefaults",
    "KernelScoreDifference",
    "LaplaceMeanShift",
    "LearnedDenoiser",
    "Limits",
    "MMDGradient",
    "SlicedEnergyGradient",
    "Stein",
    "TargetScore",
    "WeightedSum",
    "critic_output",
    "input_gradient",
    "make_field",
    "pull_back",
]

FIELDS.update(
    kernel=KernelScoreDifference,
    denoiser=DenoiserDifference,
    critic=CriticGradient,
    discriminator=Discriminator,
    score=TargetScore,
    entropy=Entropy,
    sum=WeightedSum,
    divergence=FDivergence,
    stein=Stein,
    mmd=MMDGradient,
    laplace=LaplaceMeanShift,
    sliced=SlicedEnergyGradient,
)
