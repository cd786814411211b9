"""Who may import whom: the table of docs/architecture.md, checked by parsing every module."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import numpy as np
import pytest

from skflow import SDFlowSampler
from skflow.kernels._cached import _Values
from skflow.kernels._tiles import TileSums

ROOT = Path(__file__).parents[1]

# A room is a module or a subpackage directly in skflow. Besides what its row allows, a room may
# import its own modules, _draws and _utils. skflow/__init__ may import whatever is public.
MAY_IMPORT = {
    "__main__": {"cli"},
    "cli": {"tabular", "samplers", "generators", "metrics", "plotting", "advice"},
    "tabular": {"samplers", "generators", "flow", "metrics", "plotting", "advice"},
    "samplers": {"flow", "fields", "alignment", "schedules", "metrics", "class_shares"},
    "generators": {"flow", "fields", "alignment", "schedules", "metrics"},
    "flow": {"fields", "alignment", "schedules", "kernels"},
    "fields": {"kernels", "alignment", "schedules", "bandwidth"},
    "schedules": {"bandwidth"},
    "model_selection": {"metrics", "class_shares", "advice"},
    "advice": {"metrics"},
    "plotting": {"metrics"},
    "metrics": {"kernels", "bandwidth"},
    "kernels": set(),
    "alignment": set(),
    "bandwidth": set(),
    "class_shares": set(),
    "datasets": set(),
    "_draws": set(),
    "_utils": set(),
    "_version": set(),
}
ASSIGNMENTS = ast.Assign, ast.AnnAssign
FREE = {"skflow._draws", "skflow._utils", "skflow._version"}  # anyone may import these
# `import skflow` does without these
OPTIONAL = {"PIL", "jinja2", "matplotlib", "numba", "pandas", "polars", "pyarrow", "torch", "tqdm"}


def imports(source: str, module: str, *, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of every import from skflow, wherever it stands."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            # `from skflow.metrics import f` is about metrics, `from skflow import metrics` as well.
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if f"{name}.".startswith("skflow."))


def is_allowed(module: str, name: str) -> bool:
    """Whether `module` may import the skflow name `name`."""
    if any(f"{name}.".startswith(f"{free}.") for free in FREE):
        return True
    inside = name.split(".")[1:]
    if module == "skflow":
        return bool(inside) and not any(part.startswith("_") for part in inside)
    room = module.split(".")[1]
    return inside[:1] == [room] or bool(MAY_IMPORT[room].intersection(inside[:1]))


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    return [
        f"line {line}: {module} may not import {name}"
        for line, name in imports(source, module, is_package=is_package)
        if not is_allowed(module, name)
    ]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "skflow").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_module_keeps_to_the_table(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = ".".join(parts[:-1] if is_package else parts)
    assert module == "skflow" or parts[1] in MAY_IMPORT, "a new room needs a row in the table"
    assert violations(path.read_text(encoding="utf-8"), module, is_package=is_package) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("skflow.kernels", "import skflow.metrics"),
        ("skflow.kernels", "import numpy, skflow.metrics.energy as e"),
        ("skflow.kernels", "import skflow"),
        ("skflow.kernels", "from skflow import fields"),
        ("skflow.kernels", "from skflow import SDFlowSampler"),
        ("skflow.kernels", "from . import schedules"),
        ("skflow.kernels", "from .bandwidth import resolve"),
        ("skflow.kernels", "def f():\n    if True:\n        from skflow.fields import Field"),
        ("skflow.kernels", "if TYPE_CHECKING:\n    from .fields import Field"),
        ("skflow.fields.kernel", "from ..samplers import SDFlowSampler"),
        ("skflow.fields.kernel", "from ..samplers._base import move"),
        ("skflow.fields.kernel", "from .. import metrics"),
        ("skflow.samplers.sd_flow", "from skflow.kernels import kernel_mean"),
        ("skflow._utils", "from .kernels import kernel_mean"),
        ("skflow.__main__", "from .tabular import TableTransport"),
    ],
)
def test_the_checker_catches(module, source):
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "is_package", "source"),
    [
        ("skflow.kernels", False, "import skflowers, numpy\nfrom ._utils import check_sigma"),
        ("skflow.kernels", False, "from . import _utils\nfrom skflow import _utils"),
        ("skflow.fields.kernel", False, "from ._base import Field\nfrom ..kernels import f"),
        ("skflow.fields", True, "from ._base import Field\nfrom .kernel import KernelField"),
        ("skflow.fields", True, "from ..schedules import Schedule\nimport skflow.bandwidth"),
        ("skflow.cli", False, "from skflow._version import __version__\nfrom . import metrics"),
        ("skflow", True, "from . import metrics\nfrom .samplers import SDFlowSampler"),
    ],
)
def test_the_checker_permits(module, is_package, source):
    assert violations(source, module, is_package=is_package) == []


def test_there_is_no_circle_of_modules():
    """Wherever an import stands: one inside a function would only hide it."""
    named = {}
    for path in (ROOT / "skflow").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        source = path.read_text(encoding="utf-8")
        named[module] = [name for _, name in imports(source, module, is_package=is_package)]
    graph = {
        module: {name if name in named else name.rpartition(".")[0] for name in names}
        for module, names in named.items()
    }
    assert set(TopologicalSorter(graph).static_order()) == set(named)  # or CycleError


def test_a_constant_has_a_name_of_its_own():
    """One name for two things is read wrongly. T is a type variable."""
    owners = defaultdict(set)
    for path in (ROOT / "skflow").rglob("*.py"):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            for name in ast.walk(statement) if isinstance(statement, ASSIGNMENTS) else ():
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                    owners[name.id].add(str(path.relative_to(ROOT)))
    constants = {name: paths for name, paths in owners.items() if name.isupper() and name != "T"}
    assert {name: paths for name, paths in constants.items() if len(paths) > 1} == {}


def test_the_checker_reads_a_package_as_one():
    # `.x` in fields/__init__.py is fields.x, in kernels.py it is skflow.x.
    assert violations("from ..samplers import f", "skflow.fields", is_package=True) != []
    assert violations("from ._base import f", "skflow", is_package=True) != []


def test_import_skflow_asks_for_no_optional_library():
    # Not by sys.modules: scikit-learn itself loads pandas where it finds it. So here none is found,
    # and a module of skflow that asks for one is printed.
    code = f"""if True:
        import builtins

        def spy(name, globals=None, *args, **kwargs):
            if name.split(".")[0] in {OPTIONAL}:
                if globals["__name__"].startswith("skflow"):
                    print(globals["__name__"], "imports", name)
                raise ModuleNotFoundError(name)
            return plain_import(name, globals, *args, **kwargs)

        plain_import, builtins.__import__ = builtins.__import__, spy
        import skflow
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("", "")


@pytest.mark.filterwarnings("ignore:the rows ended far")  # in two steps
@pytest.mark.parametrize("field", ["kernel", "mmd", "score", "entropy", "divergence", "stein"])
def test_from_transform_to_the_matrix_product_there_are_ten_calls(field, monkeypatch):
    """As docs/architecture.md says; of 70 columns products are those of BLAS."""
    calls = []

    def counted(self, i, sums):
        frame = sys._getframe(1)  # which stands for the product's
        names = [frame.f_code.co_name]
        while names[-1] != "transform":
            frame = frame.f_back
            names.append(frame.f_code.co_name)
        calls.append(len(names) - 1)
        sums(self, i)

    for owner, name in (TileSums, "add"), (_Values, "receive"):
        sums = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda self, i, sums=sums: counted(self, i, sums))
    X = np.random.default_rng(0).normal(size=(300, 70)).astype(np.float32)
    flow = SDFlowSampler(field=field, n_steps=2, step_size=1.0, n_jobs=1, random_state=0)
    flow.set_params(schedule=[9.0, 8.0]).fit(X).transform(2 * X)
    assert calls
    assert max(calls) == 10
