"""Machine code on disk: it is used again until a file beside it or in masks/compiled changes."""

import errno
import importlib.util

import pytest
from numba.core.caching import CacheImpl, IndexDataCacheFile

from bench.masks.compiled import jit

KERNEL = """
from bench.masks.compiled.jit import kernel


@kernel
def double(n):
    return 2 * n
"""


def imported(path):
    spec = importlib.util.spec_from_file_location("kernels_of_a_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compile_again(path):
    """Import a file anew; return how often its kernel is compiled instead of read from disk."""
    module = imported(path)
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


def test_code_that_was_imported_before_a_change_is_not_kept_as_that_of_after_it(path):
    beside = path.with_name("called.py")
    beside.write_text("")
    jit.source_hash.cache_clear()
    old = imported(path)
    beside.write_text("# changed\n")
    jit.source_hash.cache_clear()
    old.double(21)
    assert compile_again(path) == 1


def test_a_change_of_its_own_file_compiles_it_anew(path):
    path.write_text(KERNEL + "# changed\n")
    assert compile_again(path) == 1


def test_damaged_machine_code_is_made_anew(path):
    for kind in ("nbi", "nbc"):
        for content in (b"", b"half of a pickle"):
            (kept,) = path.parent.rglob(f"*.{kind}")
            kept.write_bytes(content)
            assert compile_again(path) == 1
            assert compile_again(path) == 0


def test_where_machine_code_cannot_be_kept_each_process_makes_it(path, monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    for _ in range(2):
        compile_again(path)


def test_a_full_disk_keeps_no_machine_code_and_stops_nothing(path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    path.write_text(KERNEL + "# changed\n")
    for _ in range(2):
        assert compile_again(path) == 1
