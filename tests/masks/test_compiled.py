"""Machine code on disk: it is used again until a file beside it or in masks/compiled changes."""

import importlib.util

import pytest

from bench.masks.compiled import jit

KERNEL = """
from bench.masks.compiled.jit import kernel


@kernel
def double(n):
    return 2 * n
"""


def compile_again(path):
    """Import a file anew; return how often its kernel is compiled instead of read from disk."""
    spec = importlib.util.spec_from_file_location("kernels_of_a_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.double(21) == 42
    return module.double.stats.cache_misses.total()


@pytest.fixture
def path(tmp_path):
    (tmp_path / "kernels.py").write_text(KERNEL)
    assert compile_again(tmp_path / "kernels.py") == 1
    return tmp_path / "kernels.py"


def test_machine_code_is_kept(path):
    assert compile_again(path) == 0


def test_a_change_of_what_a_kernel_calls_compiles_it_anew(path, monkeypatch):
    monkeypatch.setattr(jit, "source_hash", lambda folder: f"other files of {folder}")
    assert compile_again(path) == 1
    assert compile_again(path) == 0


def test_a_change_of_its_own_file_compiles_it_anew(path):
    path.write_text(KERNEL + "# changed\n")
    assert compile_again(path) == 1
