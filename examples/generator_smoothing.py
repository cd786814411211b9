"""A generator moves its rows together: the velocity, smoothed by its tangent kernel.

Particles move along their own velocities v_i. A generator g(ξ; θ) is regressed onto the moved rows,
and a small gradient step of that moves row i by λ Σ_j J_i J_jᵀ v_j, J_i being the slope of g(ξ_i)
in θ (Franceschi et al. 2023, eqs. 12-14). For a linear generator J_i J_jᵀ = ξ_i·ξ_j + 1.

Rows of a Gaussian are to be moved onto a ring. The table compares the step that is taken with the
formula, and with the velocity itself: *followed* is the share of its square that lies along the
step (1 for particles). Two thirds are followed by every generator, because they are a shift and a
widening; what draws rows into single modes is smoothed away, and takes many steps.

Prints a table and writes ``generator_smoothing.png`` into the current directory.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPRegressor

from skflow import SDFlowSampler
from skflow.datasets import make_ring
from skflow.generators import LinearGenerator

FAST = "SKFLOW_FAST" in os.environ
N_ROWS, N_WARM = (60, 5) if FAST else (300, 300)
SHIFT = np.array([1.5, 0.0])  # of the rows before the step, off the ring's centre
RATE = 1e-6  # so small that the step is the slope

rng = np.random.default_rng(0)
target = make_ring(1000, radius=3, random_state=0)
xi = rng.normal(size=(N_ROWS, 2))
flow = SDFlowSampler(schedule="constant", random_state=0).set_params(schedule__sigma=1.0)
center = flow.fit(target).center_


def velocity(Y):
    return flow.field_.start(np.random.default_rng(0)).velocity(Y - center, Y - center, 1.0)


class Linear:
    """A linear generator that returns its inputs, and its tangent features."""

    def __init__(self):
        self.g = LinearGenerator(learning_rate=RATE, random_state=0)
        self.g.initialize_coef(xi, xi)
        self.g.coef_, self.g.intercept_ = np.eye(2), SHIFT

    def tangent(self):
        inputs = np.column_stack([xi, np.ones(N_ROWS)])
        return np.stack([np.kron(np.eye(2), row) for row in inputs])  # (n_rows, 2, n_parameters)


class Perceptron:
    """A perceptron that has learnt to return its inputs, and its tangent features."""

    def __init__(self, *widths):
        self.g = MLPRegressor(
            hidden_layer_sizes=widths, learning_rate_init=5e-3, alpha=0, random_state=0
        )
        for _ in range(N_WARM):
            self.g.partial_fit(xi, xi + SHIFT)

    def tangent(self, h=1e-6):
        columns = []
        for part in (*self.g.coefs_, *self.g.intercepts_):
            for place in np.ndindex(part.shape):
                was = part[place]
                ends = []
                for part[place] in (was + h, was - h):
                    ends.append(self.g.predict(xi))
                part[place] = was
                columns.append((ends[0] - ends[1]) / (2 * h))
        return np.stack(columns, axis=-1)


def step_of(generator, v):
    """Displacement of the rows by one gradient step of the regression onto y + v."""
    g, Y = generator.g, generator.g.predict(xi)
    if isinstance(g, MLPRegressor):
        plain = MLPRegressor(
            hidden_layer_sizes=g.hidden_layer_sizes,
            solver="sgd",
            momentum=0,
            alpha=0,
            batch_size=N_ROWS,
        )
        plain.set_params(learning_rate_init=RATE).partial_fit(xi, Y)
        plain.coefs_, plain.intercepts_ = (
            [w.copy() for w in ws] for ws in (g.coefs_, g.intercepts_)
        )
        g = plain
    return g.partial_fit(xi, Y + v).predict(xi) - Y


def along(a, b):
    """Cosine of the angle between two arrays of arrows."""
    return np.sum(a * b) / np.sqrt(np.sum(a**2) * np.sum(b**2))


generators = {
    "linear": Linear(),
    "perceptron, 8": Perceptron(8),
    "perceptron, 64": Perceptron(64),
    "perceptron, 32 × 32": Perceptron(32, 32),
}
print(f"{N_ROWS} rows; one small gradient step\n")
print("| generator | parameters | cosine of step and formula | followed |")
print("|---|---|---|---|")
arrows = {}
for name, generator in generators.items():
    Y = generator.g.predict(xi)
    v, J = velocity(Y), generator.tangent()
    formula = J @ np.einsum("jkp,jk->p", J, v)
    step = step_of(generator, v)
    followed = along(step, v) ** 2
    arrows[name] = Y, step, followed
    print(f"| {name} | {J.shape[2]} | {along(step, formula):.6f} | {followed:.2f} |", flush=True)

# -------------------------------------------------------------------------------------- the figure
Y = generators["linear"].g.predict(xi)
shown = {"particles": (Y, velocity(Y), 1.0), **arrows}
figure, axes = plt.subplots(1, len(shown), figsize=(13, 3), layout="constrained")
for axis, (name, (Y, step, followed)) in zip(axes, shown.items(), strict=True):
    axis.scatter(*target.T, s=2, color="#d8dce2", linewidths=0)
    arrow = step / np.sqrt(np.mean(np.sum(step**2, axis=1)))
    axis.quiver(
        *Y.T, *arrow.T, color="#c8324a", angles="xy", scale_units="xy", scale=1, width=0.005
    )
    axis.set(aspect="equal", xlim=(-5.5, 5.5), ylim=(-5.5, 5.5), xticks=[], yticks=[])
    axis.spines[:].set_color("#d8dce2")
    axis.set_title(name, fontsize=10)
    axis.set_xlabel(f"follow {followed:.0%} of the velocity", fontsize=9)
figure.savefig("generator_smoothing.png", dpi=120)
