"""Faults: signals, full disks, bad files and little memory lose nothing, and are said."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

import skflow._utils
from skflow import SDFlowGenerator, SDFlowSampler, TableTransport
from skflow.cli import main
from skflow.fields._training import taught
from skflow.kernels._threads import parallel_for

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX"),
    # old pandas and pyarrow, one with the other
    pytest.mark.filterwarnings("ignore:Passing a BlockManager:DeprecationWarning"),
]

N = 120_000  # rows of the long table
BAD = 99_999  # its bad row: line 100 000 of a text file with a header
QUICK = ["--steps", "2", "--no-report", "--quiet"]


def make_table(n, shift, seed):
    rng = np.random.default_rng(seed)
    x, kind = rng.normal(shift, 1, n).round(3), rng.choice(["a", "b"], n)
    return pd.DataFrame({"x": x, "n": rng.poisson(4, n), "kind": kind})


@pytest.fixture(autouse=True)
def interrupts_arrive():
    """A shell ignores them in jobs in the background, and so would all that these start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tables():
    """A source of 300 rows and a target of 200, as text and as Parquet."""
    for name, n, shift in (("source", 300, 2), ("target", 200, 0)):
        table = make_table(n, shift, n)
        table.to_csv(f"{name}.csv", index=False)
        table.to_parquet(f"{name}.parquet", row_group_size=70)


@pytest.fixture(scope="module")
def long_lines():
    """Lines of a long table, header first."""
    return make_table(N, 1, 0).to_csv(index=False).splitlines()


def files():
    return {path.name for path in Path().iterdir()}


def transport(suffix, *options, out=None, source=None):
    paths = [source or f"source{suffix}", f"target{suffix}", "-o", out or f"out{suffix}"]
    return main(["transport", *paths, *QUICK, *map(str, options)])


def python(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, **options
    )


# ----------------------------------------------------------------------- signals and the command
# The command, which gets a signal when a method is called for the n-th time.
SIGNALLED = """if True:
    import os, signal, sys
    from skflow import TableTransport
    from skflow.cli import main

    number, method, n, *args = sys.argv[1:]
    if int(number) != signal.SIGINT:
        signal.signal(int(number), signal.SIG_DFL)  # nohup ignores it
    before, calls = getattr(TableTransport, method), []

    def spied(self, *rows, **options):
        calls.append(len(calls))
        if len(calls) == int(n):
            os.kill(os.getpid(), int(number))
        return before(self, *rows, **options)

    setattr(TableTransport, method, spied)
    sys.exit(main(["transport", *args]))
"""


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    ("name", "method", "suffix", "options"),
    [
        ("SIGINT", "transform", ".csv", []),
        ("SIGTERM", "fit", ".parquet", ["--chunk-rows", "70"]),
        ("SIGHUP", "transform", ".parquet", ["--chunk-rows", "70"]),  # while a file is written
    ],
)
def test_a_signal_ends_the_process_and_loses_nothing(name, method, suffix, options):
    out = Path(f"out{suffix}")
    out.write_text("precious\n")
    before, number = files(), int(getattr(signal, name))
    args = [f"source{suffix}", f"target{suffix}", "-o", out, *QUICK, *options]
    n = 3 if options and method == "transform" else 1
    done = python(SIGNALLED, number, method, n, *args)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")
    assert files() == before
    assert out.read_text() == "precious\n"


@pytest.mark.usefixtures("tables")
def test_a_second_interrupt_does_not_disturb_the_cleaning_up(monkeypatch):
    """People press Ctrl-C more than once; the second one comes where the file is removed."""
    unlink, before, interrupts = Path.unlink, files(), []

    def interrupt(*_):
        interrupts.append(1)
        os.kill(os.getpid(), signal.SIGINT)

    def interrupted(path, **options):
        if interrupts:  # and not where it is tried whether the folder can be written to
            interrupt()
        unlink(path, **options)

    monkeypatch.setattr(os, "replace", interrupt)
    monkeypatch.setattr(Path, "unlink", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    assert transport(".csv") == 130
    assert len(interrupts) == 2
    assert files() == before
    assert signal.getsignal(signal.SIGINT) is handler


# ------------------------------------------------------------------------ interrupts and Python
# An estimator is interrupted at several moments of its first fit and its first transform. It raises
# KeyboardInterrupt, is not fitted, leaves BLAS and the threads as they were, and then does what a
# fresh one does.
INTERRUPTED = """if True:
    import os, signal, sys, threading
    import numpy as np
    from sklearn.base import clone
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted
    from threadpoolctl import threadpool_info
    from skflow import SDFlowGenerator, SDFlowSampler

    def blas():
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    def interrupted(call, seconds):
        timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        try:
            call()
        except KeyboardInterrupt:
            return
        finally:
            timer.join()
        raise AssertionError(f"no interrupt after {seconds} s")

    rng = np.random.default_rng(0)
    X, S = rng.normal(size=(800, 3)), rng.normal(3, 1, (800, 3))
    flow = SDFlowSampler(n_steps=3000, random_state=0)
    before = blas()
    for seconds in (0.02, 0.1, 0.25, 0.5):  # numba is imported meanwhile, and its loops are read
        interrupted(lambda: flow.fit(X, X_source=S), seconds)
        try:
            check_is_fitted(flow)
            raise AssertionError("a flow that was interrupted passes for fitted")
        except NotFittedError:
            pass
    flow.set_params(n_steps=3000).fit(X)
    interrupted(lambda: flow.transform(S), 0.2)
    flow.sigmas_, flow.n_steps = flow.sigmas_[:3], 3
    generator = SDFlowGenerator(random_state=0)
    interrupted(lambda: generator.fit(X), 0.6)
    if hasattr(generator, "loss_curve_"):  # what it has learnt until the last epoch is kept
        assert np.isfinite(generator.sample(10)).all()
    assert blas() == before, (blas(), before)
    for thread in threading.enumerate():  # the pool stays, and waits
        assert thread is threading.main_thread() or thread.name.startswith("skflow"), thread
    flow = flow.set_params(n_steps=5).fit(X, X_source=S)
    fresh = clone(flow).fit(X, X_source=S)
    assert np.array_equal(flow.transform(S), fresh.transform(S))
"""


def test_an_interrupted_estimator_is_as_good_as_new():
    done = python(INTERRUPTED)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("learns", ["updated", "fitted at once"])
def test_a_perceptron_does_not_swallow_an_interrupt(monkeypatch, learns):
    """scikit-learn's only warn of one, and a flow would go on."""

    def interrupt(self, *_):
        raise KeyboardInterrupt

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 2)), rng.integers(0, 2, 50)
    monkeypatch.setattr(
        "sklearn.neural_network._multilayer_perceptron.BaseMultilayerPerceptron._backprop",
        interrupt,
    )
    classifier, regressor = MLPClassifier(max_iter=2), MLPRegressor(max_iter=2)
    if learns == "updated":
        fits = (classifier.partial_fit, {"classes": [0, 1]}), (regressor.partial_fit, {})
    else:
        nested = make_pipeline(StandardScaler(), MLPClassifier(max_iter=2))
        fits = (classifier.fit, {}), (regressor.fit, {}), (nested.fit, {})
    for fit, options in fits:
        with pytest.raises(KeyboardInterrupt):
            taught(fit, X, y, **options)
    with pytest.raises(KeyboardInterrupt):
        SDFlowGenerator(n_epochs=1, random_state=0).fit(X)
    with pytest.raises(KeyboardInterrupt):
        SDFlowSampler("critic", n_steps=2, random_state=0).fit(X).transform(X + 1)


def test_other_warnings_of_a_fit_stay_warnings():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 2)), rng.integers(0, 2, 50)
    with pytest.warns(ConvergenceWarning):
        assert taught(MLPClassifier(max_iter=2).fit, X, y).n_iter_ == 2


@pytest.mark.parametrize("fails_in", ["this thread", "another thread"])
def test_after_an_error_no_more_work_is_begun(fails_in):
    """Each of two threads ends what it has begun, so at most two of 100 pieces run on."""
    here, done = threading.current_thread(), []
    failed = threading.Event()

    def body(i):
        if (threading.current_thread() is here) == (fails_in == "this thread"):
            failed.set()
            raise KeyboardInterrupt
        failed.wait(10)
        time.sleep(0.05)  # until the other one has said that there is no more
        done.append(i)

    with pytest.raises(KeyboardInterrupt):
        parallel_for(100, body, 2)
    assert len(done) <= 2
    seen = []
    parallel_for(100, seen.append, 2)  # the pool is as good as before
    assert sorted(seen) == list(range(100))


def test_an_error_in_a_flow_lets_go_of_blas(monkeypatch):
    def limits():
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    rng = np.random.default_rng(0)
    flow = SDFlowSampler(n_steps=3, random_state=0).fit(rng.normal(size=(60, 2)))
    before, Y = limits(), rng.normal(2, 1, (60, 2))
    expected = flow.transform(Y)
    with monkeypatch.context() as patch:
        patch.setattr("skflow.flow._step.Flow.displacement", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            flow.transform(Y)
    assert limits() == before
    assert np.array_equal(flow.transform(Y), expected)


# ------------------------------------------------------------------------------ disks and folders
# The command under a limit of the size of files: writing fails in the middle, as on a full disk.
LIMITED = """if True:
    import resource, sys
    import numpy, pandas, pyarrow.parquet
    from skflow.cli import main

    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
    sys.exit(main(["transport", *sys.argv[2:]]))
"""


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    ("suffix", "options"), [(".csv", []), (".parquet", []), (".parquet", ["--chunk-rows", "70"])]
)
def test_a_full_disk(suffix, options, tmp_path):
    """Compiled loops cannot be kept on it either, which alone is no reason to fail."""
    out = Path(f"out{suffix}")
    out.write_text("precious\n")
    Path("loops").mkdir()
    before, environment = files(), {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "loops")}
    args = [f"source{suffix}", f"target{suffix}", "-o", out, *QUICK, *options]
    done = python(LIMITED, 1000, *args, env=environment)
    assert done.returncode == 2
    assert done.stderr == f"skflow: error: cannot write {out}: File too large.\n"
    assert files() == before
    assert out.read_text() == "precious\n"


@pytest.mark.usefixtures("tables")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_report_that_nobody_can_take_is_an_error():
    command = [sys.executable, "-m", "skflow", "compare", "source.csv", "target.csv"]
    # Python would keep what it could not write, and try again at its end
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command,
            stdout=full,
            stderr=subprocess.PIPE,
            env=env,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("options", [[], ["--chunk-rows", 70]])
def test_the_output_is_no_input_under_whatever_name(options, capsys):
    for name in ("source.parquet", "target.parquet"):
        bits = Path(name).read_bytes()
        Path("soft.parquet").symlink_to(name)
        os.link(name, "hard.parquet")
        for out in (name, f"./{name}", "soft.parquet", "hard.parquet"):
            assert transport(".parquet", *options, out=out) == 2
            assert f"{Path(out)} is an input" in capsys.readouterr().err
        Path("soft.parquet").unlink()
        Path("hard.parquet").unlink()
        assert Path(name).read_bytes() == bits


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("options", [[], ["--chunk-rows", 70]])
def test_a_link_stays_one_and_what_it_points_to_is_written(options):
    Path("folder").mkdir()
    Path("folder/real.parquet").write_text("old\n")
    Path("link.parquet").symlink_to("folder/real.parquet")
    Path("dangling.parquet").symlink_to("folder/new.parquet")
    for link in ("link.parquet", "dangling.parquet"):
        assert transport(".parquet", *options, out=link) == 0
        assert Path(link).is_symlink()
        assert pq.read_metadata(Path(link).resolve()).num_rows == 300
    assert sorted(os.listdir("folder")) == ["new.parquet", "real.parquet"]


# -------------------------------------------------------------------------------------- bad files
ROWS = {  # what stands in the bad row, and what the error or the note says
    "a value too many": ("1.0,2,a,5", f"row {BAD} holds 4 values, more than its first line has"),
    "two values too many": ("1.0,2,a,5,6", f"line {BAD + 1} holds 5 values, more than"),
    "a word": ("oops,2,a", rf"of 'x' are numbers; 'oops' \(row {BAD}\) is not"),
    "infinity": ("inf,2,a", rf"infinite values in 'x' \(1\), the first in row {BAD}: "),
    "a quote without end": ('1.0,2,"a', f"starting at row {BAD}"),
    "no text": ("1.0,2,\xe9", rf"is not in UTF-8 \(byte 0xe9 in line {BAD + 1}\)"),
    "a null byte": ("1.0,2,a\0b", "holds binary data"),
}


@pytest.mark.parametrize(("row", "message"), ROWS.values(), ids=ROWS)
def test_a_bad_row_is_named(long_lines, row, message, capsys):
    make_table(200, 0, 1).to_csv("target.csv", index=False)
    lines = [*long_lines[:BAD], row, *long_lines[BAD + 1 :]]
    Path("long.csv").write_bytes("\n".join(lines).encode("latin-1"))
    before = files()
    assert transport(".csv", source="long.csv") == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert error.count("\n") == 1
    assert files() == before


def test_a_bad_row_of_parquet_is_named(capsys):
    make_table(200, 0, 1).to_parquet("target.parquet")
    table = make_table(N, 1, 0)
    table.loc[BAD - 1, "x"] = np.inf
    table.to_parquet("long.parquet")
    for options in ([], ["--chunk-rows", 30_000]):
        assert transport(".parquet", *options, source="long.parquet") == 2
        error = capsys.readouterr().err
        assert re.search(rf"infinite values in 'x' \(1\), the first in row {BAD}: ", error), error


@pytest.mark.usefixtures("tables")
def test_a_text_that_was_cut_is_said(capsys):
    """A row without its last values is the trace of it; one with empty values is none."""
    text = Path("source.csv").read_text().rstrip("\n")
    cut = f"{text[: text.rindex(',')]}\n"
    for lines, is_noted in ((cut, True), (f"{text[:-1]}\n", False)):
        Path("cut.csv").write_text(lines)
        args = ["transport", "cut.csv", "target.csv", "-o", "out.csv", "--steps", "2"]
        assert main([*args, "--no-report"]) == 0
        said = "cut.csv: row 300 holds fewer values than the first line has names"
        assert (said in capsys.readouterr().err) == is_noted


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("options", [[], ["--chunk-rows", 70]])
def test_parquet_that_was_cut_or_rotted(options, capsys):
    bits = Path("source.parquet").read_bytes()
    for n in (0, 3, len(bits) // 2, len(bits) - 1):
        Path("cut.parquet").write_bytes(bits[:n])
        assert transport(".parquet", *options, source="cut.parquet") == 2
        assert "cut.parquet is not a Parquet file: " in capsys.readouterr().err
    for start in range(4, len(bits) // 2, 400):  # a page here, a page there
        Path("rot.parquet").write_bytes(bits[:start] + bytes(300) + bits[start + 300 :])
        assert transport(".parquet", *options, source="rot.parquet") == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert ".." not in error
    assert not {name for name in files() if name.startswith((".skflow", "out"))}


# ----------------------------------------------------------------------------------------- memory
@pytest.fixture
def small_memory(monkeypatch):
    monkeypatch.setattr(skflow._utils, "total_memory", lambda: 2.0**20)


@pytest.mark.usefixtures("small_memory")
def test_what_does_not_fit_into_memory_is_refused_before_it_is_made():
    rng = np.random.default_rng(0)
    X, S = rng.normal(size=(200, 2)), rng.normal(size=(400, 2))
    with pytest.raises(MemoryError, match=r"flow of 400 rows .* 0\.0 GB.*lower n_reference"):
        SDFlowSampler(n_steps=500).fit(X, X_source=S)
    flow = SDFlowSampler(n_steps=50, n_reference=50, random_state=0).fit(X, X_source=S)
    assert flow.transform(S).shape == S.shape  # the advice helps
    with pytest.raises(MemoryError, match=r"moving 20000 rows of 2 columns .*n_reference"):
        flow.transform(rng.normal(size=(20_000, 2)))


@pytest.mark.usefixtures("tables", "small_memory")
def test_the_command_refuses_tables_that_do_not_fit(capsys):
    for suffix in (".csv", ".parquet"):
        make_table(3000, 1, 0).to_csv("long.csv", index=False)
        make_table(3000, 1, 0).to_parquet("long.parquet")
        assert transport(suffix, source=f"long{suffix}") == 2
        error = capsys.readouterr().err
        assert f"long{suffix} as a whole takes about" in error
        assert "--columns" in error
        assert "--chunk-rows" in error
        assert error.count("\n") == 1
    chunks = ["--chunk-rows", 100, "--reference-rows", 50]
    assert transport(".parquet", *chunks, source="long.parquet") == 0


def test_memory_that_runs_out_is_no_traceback(monkeypatch, capsys):
    def fail(*_):
        raise MemoryError

    make_table(100, 0, 1).to_csv("target.csv", index=False)
    monkeypatch.setattr(TableTransport, "fit", fail)
    assert transport(".csv", source="target.csv") == 2
    assert "out of memory (bounded by --chunk-rows and" in capsys.readouterr().err
