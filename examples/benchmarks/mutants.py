"""Mutation check: does some test fail when a random operator, number or condition is another one?

Mutants are cosmic-ray's. Places in the code are drawn evenly from every room, and one mutant of
each. Every mutant is tried on a copy of the repository, by the tests of its room, those first whose
file bears the module's name. A mutant is killed if a test fails. Survivors, and mutants whose tests
take more processor time than the timeout, are printed: a test is missing, or the mutant does what
the code does, or never ends.

    pip install -e ".[test]" cosmic-ray
    python examples/benchmarks/mutants.py               # 150 mutants: an hour or two
    python examples/benchmarks/mutants.py --rooms flow --n 20 --seed 1

Not mutated: ``|``, which stands in annotations, ``==`` for ``is`` and back, which do the same, and
``zip(strict=True)``, which checks lengths that are equal.
"""

import argparse
import difflib
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path

import joblib  # noqa: F401 - this and others, so that children need not import them
import matplotlib.pyplot  # noqa: F401
import numba  # noqa: F401
import numpy as np
import pandas as pd  # noqa: F401
import pyarrow.parquet  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import sklearn.ensemble
import sklearn.neural_network  # noqa: F401
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[2]
TABLES = ("tabular", "codecs", "relations", "kinds", "frames", "plain", "impute", "report", "cli")
ROOMS = {  # the tests of each
    "kernels": ["tests/test_kernels.py", "tests/fields", "tests/flow"],
    "fields": ["tests/fields", "tests/flow", "tests/samplers"],
    "flow": ["tests/flow", "tests/samplers", "tests/test_given.py", "tests/test_at_rest.py"],
    "schedules.py": ["tests/test_schedules.py", "tests/samplers"],
    "samplers": ["tests/samplers", "tests/test_given.py", "tests/test_named_parts.py"],
    "tabular": [f"tests/test_{name}.py" for name in (*TABLES, "conditional_tables")],
}
UNCHECKED = "strict=False"  # zips without a check that code which is right never needs
SAME = re.compile(r"_Is_|_IsNot_|_Is$|_IsNot$|_BitOr_|VariableInserter|RemoveDecorator")


def places(source):
    """What may be mutated: by place, the operators and the numbers of their occurrences."""
    nodes, found = list(ast_nodes(get_ast(source))), {}
    for name in operator_names():
        operator = get_operator(name)
        if SAME.search(name) or operator.arguments():
            continue
        spots = [spot for node in nodes for spot in operator().mutation_positions(node)]
        for occurrence, (start, _) in enumerate(spots):
            found.setdefault((start, name.split("_")[0]), []).append((operator(), occurrence))
    return found


def draw(room, rng):
    """Mutants of a room that are Python: path, source and mutated source."""
    path = ROOT / "skflow" / room
    paths = [path] if path.is_file() else sorted(path.rglob("*.py"))
    sources = {path: path.read_text(encoding="utf-8") for path in paths}
    all_places = [(p, spot) for p, source in sources.items() for spot in places(source).values()]
    for i in rng.permutation(len(all_places)):
        path, spot = all_places[i]
        operator, occurrence = spot[rng.integers(len(spot))]
        mutant = mutate_code(sources[path], operator, occurrence)
        with suppress(SyntaxError):  # such as {%x} for {**x}
            compile(mutant, str(path), "exec")
            if mutant.count(UNCHECKED) <= sources[path].count(UNCHECKED):
                yield path, sources[path], mutant


def tests_of(room, path):
    """Files with tests of a module, those that bear its name first."""
    files = [
        file
        for name in ROOMS[room]
        for file in ([name] if name.endswith(".py") else sorted((ROOT / name).glob("test_*.py")))
    ]
    files += ["tests/test_rare_ways.py", "tests/test_rare_inputs.py"]
    names = [
        str(Path(file).relative_to(ROOT) if Path(file).is_absolute() else file) for file in files
    ]
    return sorted(names, key=lambda name: path.stem.strip("_").split("_")[0] not in name)


def is_killed(copy, tests, timeout):
    """Run tests in a child, which has the libraries already and imports the mutant."""
    child = os.fork()
    if child == 0:
        os.chdir(copy)
        os.environ["PYTHONPATH"] = sys.path[0] = str(copy)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1), os.dup2(null, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (timeout, timeout))
        os._exit(int(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests])))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    late = status in (-signal.SIGKILL, -signal.SIGXCPU)  # others may crash, as a wrong place does
    return "" if status == 0 else "timeout" if late else "killed"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS), choices=ROOMS)
    parser.add_argument("--n", type=int, default=25, help="mutants of each room")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=int, default=600, help="processor seconds for tests")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("skflow", "tests", "examples", "docs"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in [*ROOT.glob("*.toml"), *ROOT.glob("*.md"), *ROOT.glob("*.cff")]:
            shutil.copy(path, copy)
        for room in args.rooms:
            results = []
            mutants = draw(room, np.random.default_rng(args.seed))
            for path, source, mutant in islice(mutants, args.n):
                place = copy / path.relative_to(ROOT)
                place.write_text(mutant, encoding="utf-8")
                start = time.perf_counter()
                results.append(is_killed(copy, tests_of(room, path), args.timeout))
                seconds = time.perf_counter() - start
                place.write_text(source, encoding="utf-8")
                difference = difflib.unified_diff(source.split("\n"), mutant.split("\n"), n=0)
                changed = " ".join(list(difference)[2:])
                outcome = results[-1] or "SURVIVED"
                print(f"{outcome:8} {seconds:5.0f} s  {place.name}: {changed}", flush=True)
            n_killed, n_late = results.count("killed"), results.count("timeout")
            print(f"{room}: {n_killed} of {len(results)} killed, {n_late} timed out", flush=True)


if __name__ == "__main__":
    main()
