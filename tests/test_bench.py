"""The benchmarks run, and their shared harness measures and prints what it says."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

SMALLEST = {
    "bench_azure.py": ["--jobs", "3", "--loop-jobs", "2", "--cells", "3"],
    "bench_azureml.py": ["--jobs", "20", "--repeat", "1"],
    "bench_before.py": ["--before", str(ROOT), "--only", "run", "--repeat", "1"],
    "bench_quality.py": ["folder", "--page"],
    "bench_predict.py": ["--rows", "1000", "--repeat", "1"],
    "bench_scale.py": ["--only", "linear", "--rows", "100", "--repeat", "1"],
    "bench_search.py": ["--quick", "--only", "tutorial", "memory"],
    "bench_start.py": ["--repeat", "1"],
    "bench_statistics.py": ["--quick"],
    "bench_tables.py": ["--model", "linear", "--rows", "200", "--columns", "10"],
    "bench_sweep.py": ["--repeat", "1", "--cells", "20"],
}


@pytest.fixture
def harness(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import harness

    return harness


def test_every_benchmark_is_run_here():
    assert sorted(SMALLEST) == sorted(path.name for path in (ROOT / "scripts").glob("bench_*.py"))


@pytest.mark.long
@pytest.mark.parametrize("name", SMALLEST)
def test_a_benchmark_runs_with_its_smallest_setting(name, tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / name), *SMALLEST[name]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_each_side_begins_every_other_time(harness):
    order = []

    def side(name):
        return lambda: order.append(name) or harness.Usage(1, 1)

    assert len(harness.alternate(side("ours"), side("theirs"), 3)) == 3
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]


@pytest.mark.parametrize(
    ("bar", "ratio"),
    [
        ({"at_most": 1.3}, "0.50 [0.25, 1.00]; wanted at most 1.3"),
        ({"at_least": 2}, "2.00 [1.00, 4.00]; wanted at least 2"),
    ],
)
def test_a_ratio_is_a_median_with_its_noise_in_the_direction_of_its_bar(harness, capsys, bar, ratio):
    pairs = [(harness.Usage(1, 0), harness.Usage(theirs, 0)) for theirs in (1, 2, 4)]
    harness.compare("run", pairs, kinds=["clock"], **bar)
    assert capsys.readouterr().out.split(None, 2)[2] == f"ours 1.00 s, theirs 2.00 s, ratio {ratio}\n"


def test_a_process_is_measured_with_what_it_prints(harness, tmp_path):
    usage = harness.measure(["-c", "import harness; print(len(bytearray(2**25)))"], tmp_path)
    assert usage.out == f"{2**25}\n"
    assert usage.processor > 0
    assert usage.memory > 32


def test_a_process_that_fails_ends_the_benchmark_with_its_words(harness, tmp_path):
    with pytest.raises(SystemExit, match=r"ended with status 1:\n[^$]*ValueError: no"):
        harness.measure(["-c", "raise ValueError('no')"], tmp_path)
