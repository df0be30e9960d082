"""Free memory: of the machine, of every group around the process, and of its own limits."""

import resource
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
import torch

from bench.system import device
from bench.system.device import accelerator_of, enough_memory, free_memory, free_ram
from bench.system.errors import BadConfig, BenchError, Missing

MB = 1_000_000


def write_group(folder, names, limit, used, cached):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\n")


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")
NONE = 2**63 - 4096  # version 1 says so where there is no limit


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A machine with 1000 MB free whose groups lie in a folder."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000 * MB))
    monkeypatch.setattr(device, "MY_GROUPS", tmp_path / "mine")
    monkeypatch.setattr(device, "GROUPS", tmp_path / "groups")
    return tmp_path / "groups"


@pytest.mark.parametrize(
    ("version", "limits", "free"),
    [
        (2, {"": "max", "a": "max", "a/b": 300 * MB}, 210),
        (2, {"": "max", "a": 200 * MB, "a/b": 300 * MB}, 110),  # the outer one is smaller
        (2, {"": "max", "a": 200 * MB}, 110),  # the inner one is not visible
        (2, {"": 150 * MB}, 60),  # a container that sees its own group as the root
        (2, {"": "max", "a": "max", "a/b": "max"}, 1000),
        (2, {"a/b": 9000 * MB}, 1000),  # the machine has less
        (2, {"a/b": 50 * MB}, 0),  # over its limit already
        (1, {"": NONE, "a": NONE, "a/b": 300 * MB}, 210),
        (1, {"": NONE, "a": 200 * MB, "a/b": NONE}, 110),
        (1, {}, 1000),
    ],
)
def test_free_memory_is_what_every_group_leaves(version, limits, free, groups):
    root, names = (groups, V2) if version == 2 else (groups / "memory", V1)
    line = "0::/a/b" if version == 2 else "4:cpu,memory:/a/b\n3:cpuset:/\n0::/"
    (groups.parent / "mine").write_text(f"{line}\n")
    for name, limit in limits.items():
        write_group(root / name, names, limit, used=100 * MB, cached=10 * MB)
    assert free_ram() == free * MB
    assert free_memory(torch.device("cpu")) == free * MB


def test_a_system_without_groups_has_the_machine_s_memory(groups):
    assert free_ram() == 1000 * MB


@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_free_memory_is_what_the_process_s_limit_leaves(limit):
    script = f"""
import resource
import psutil
from bench.system.device import free_ram
most = psutil.Process().memory_info().vms + 3 * 10**9
resource.setrlimit(resource.{limit}, (most, most))
before = free_ram()
resource.setrlimit(resource.{limit}, (most - 10**9, most))
if psutil.virtual_memory().available > 1.5 * before:  # so that the machine leaves more, for sure
    assert abs(before - free_ram() - 10**9) < 10**8, (before, free_ram())
resource.setrlimit(resource.{limit}, (psutil.Process().memory_info().vms + 10**8,) * 2)
assert free_ram() < 6 * 10**9
"""
    subprocess.run(
        [sys.executable, "-c", script], check=True, cwd=device.__file__.split("/bench/")[0]
    )


def test_an_allocation_beyond_free_memory_is_an_error_with_a_cure(monkeypatch):
    """Where a group would end the process."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    monkeypatch.setattr(device, "free_ram", lambda: 200 * MB)
    monkeypatch.setattr(psutil, "swap_memory", lambda: SimpleNamespace(free=0))
    cpu = torch.device("cpu")
    with (
        pytest.raises(BenchError, match="out of memory with 4 images of 8x9 at once; use --micro"),
        enough_memory("it", 4, (8, 9)),
        device.refused_beyond_free_ram(cpu),
    ):
        torch.zeros(5000 * MB)  # more than a process may keep of what it has freed
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    with device.refused_beyond_free_ram(cpu):
        assert torch.zeros(10 * MB).sum() == 0


CARDS = {0: ("Tesla T4", (7, 5)), 1: ("A100", (8, 0))}


@pytest.fixture
def cards(monkeypatch):
    """A machine with two cards, and the card that CUDA takes by itself."""
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(CARDS))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda at: CARDS[number(at)][0])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda at: CARDS[number(at)][1])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda at: (100 + number(at), 1000))
    monkeypatch.setattr(torch.cuda, "set_device", lambda at: taken.append(number(at)))
    return taken


def number(device):
    return device.index if isinstance(device, torch.device) else device


@pytest.mark.parametrize(
    ("device", "card", "precision"),
    [("auto", 0, "fp16"), ("cuda", 0, "fp16"), ("cuda:0", 0, "fp16"), ("cuda:1", 1, "bf16")],
)
def test_all_that_is_asked_of_a_card_is_asked_of_the_chosen_one(device, card, precision, cards):
    accelerator = accelerator_of(device)
    assert accelerator.device == torch.device("cuda", card)
    assert cards == [card]
    assert (accelerator.name, accelerator.precision) == (CARDS[card][0], precision)
    assert free_memory(accelerator.device) == 100 + card
    assert accelerator.loader_workers(3) == 3
    assert accelerator.scaler().is_enabled() == (precision == "fp16")
    assert accelerator_of(device, "fp32").precision == "fp32"


def test_a_card_that_is_not_there_is_named_with_those_that_are(cards):
    there = r"cuda:2: no such card here, only cuda:0 \(Tesla T4\), cuda:1 \(A100\)"
    with pytest.raises(Missing, match=there):
        accelerator_of("cuda:2")
    for name in ("gpu", "cuda:-1", "cuda:x", "cpu:0"):
        with pytest.raises(BadConfig, match=f"device: '{name}' is not auto, cpu, cuda or cuda:N"):
            accelerator_of(name)


def test_a_machine_without_cards_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("cuda", "cuda:0"):
        with pytest.raises(Missing, match="no such card here, nor any other; use --device cpu"):
            accelerator_of(name)
    assert accelerator_of("auto").device.type == "cpu"


def test_networks_compute_in_the_precision_that_is_asked_for():
    layer, image = torch.nn.Conv2d(3, 1, 1), torch.zeros(1, 3, 8, 8)
    types = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    for precision, dtype in types.items():
        with accelerator_of("cpu", precision).autocast():
            assert layer(image).dtype == dtype
