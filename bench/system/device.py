"""The device that networks run on, its precision and memory; the ranks that share a training."""

import resource
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from torch import Tensor, distributed
from torch.amp.grad_scaler import GradScaler

from bench.system.environment import DEVICE, DEVICES
from bench.system.errors import BadConfig, BenchError, Missing, memory_is_full
from bench.system.text import several

SHARE = 0.9  # of free memory; programs also touch what they have reserved, and read files
MY_GROUPS, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")  # man 7 cgroups

_share_ends: int | None = None  # bytes that this process may have, if it has only a share
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}  # precisions of less than 32 bits


class Lost(BenchError):
    """Another rank of this training has ended, or gives no answer."""


@dataclass(frozen=True)
class Accelerator:
    """A device and its precision; and which of the processes that share a training this one is.

    Args:
        precision: in which networks compute: "bf16", "fp16" or "fp32".
        rank: of this process among those that share its training, from 0; rank 0 writes the files.
        ranks: how many there are.
    """

    device: torch.device
    precision: str
    rank: int = 0
    ranks: int = 1

    @property
    def name(self) -> str:
        """The maker's name of the card, or "cpu"."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def autocast(self) -> AbstractContextManager[object]:
        """Return a block in which networks compute in this precision; weights stay in fp32."""
        if self.precision not in HALF:
            return nullcontext()
        return torch.autocast(self.device.type, HALF[self.precision])

    def scaler(self) -> GradScaler:
        """Return what keeps small gradients from vanishing in fp16, and does nothing elsewhere."""
        return GradScaler(self.device.type, enabled=self.precision == "fp16")

    def loader_workers(self, jobs: int) -> int:
        """Return how many of `jobs` processes prepare batches: none beside a network on the CPU."""
        return 0 if self.device.type == "cpu" else jobs

    @property
    def writes(self) -> bool:
        """Whether this is the one process of its training that writes files."""
        return self.rank == 0

    def share(self, images: int) -> slice:
        """Return which images of a batch are this rank's; shares differ by one image at most."""
        return slice(self.rank * images // self.ranks, (self.rank + 1) * images // self.ranks)

    def sum(self, numbers: Tensor) -> Tensor:
        """Return the sum over all ranks, the same bits on each, here on this device.

        Raises:
            Lost: another rank has ended, or has not come so far for half an hour.
        """
        return self._reduced(numbers, distributed.ReduceOp.SUM)

    def smallest(self, number: int) -> int:
        """Return the smallest number of all ranks, for each of which this waits.

        Raises: as `sum`.
        """
        return int(self._reduced(torch.tensor(number), distributed.ReduceOp.MIN))

    def _reduced(self, numbers: Tensor, operation: distributed.ReduceOp.RedOpType) -> Tensor:
        if self.ranks == 1:
            return numbers
        numbers = numbers.to(self.device, copy=True)
        try:
            distributed.all_reduce(numbers, operation)
        except RuntimeError as error:
            raise Lost(f"rank {self.rank} waits for another one in vain: {error}") from error
        return numbers

    @contextmanager
    def first_where_files_are_written(self) -> Iterator[None]:
        """Let the block be done by the rank that writes, and then by all others."""
        if not self.writes:
            self.smallest(0)
        yield
        if self.writes:
            self.smallest(0)


def device_named(name: str) -> torch.device:
    """Return the device that networks run on: "auto", "cpu", "cuda" (the first card) or "cuda:N".

    Raises:
        BadConfig: it is none of these names.
        Missing: there is no such card.
    """
    if not DEVICE.fullmatch(name):
        raise BadConfig(f"device: {name!r} is not {DEVICES}")
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not cards):
        return torch.device("cpu")
    number = int(name.partition(":")[2] or 0)
    if number >= cards:
        raise Missing(f"--device {name}: no such card here, {_listed(cards)}")
    return torch.device("cuda", number)


def accelerator_of(name: str, precision: str = "auto") -> Accelerator:
    """Return a device and its precision; a card becomes the one that CUDA takes by itself.

    A rank of several that share a training has the card of its number.

    Args:
        name, precision: as `device_named` and `best_precision` take them.

    Raises:
        Missing: there is no such card.
    """
    device, rank, count = device_named(name), 0, 1
    if distributed.is_initialized():
        rank, count = distributed.get_rank(), distributed.get_world_size()
    if device.type == "cuda":
        device = torch.device("cuda", device.index + rank)
        torch.cuda.set_device(device)
    return Accelerator(device, best_precision(device, precision), rank, count)


def _listed(cards: int) -> str:
    """Say which cards there are, and what to do."""
    if not cards:
        return "nor any other; use --device cpu"
    names = [f"cuda:{number} ({torch.cuda.get_device_name(number)})" for number in range(cards)]
    return f"only {', '.join(names)}"


def best_precision(device: torch.device, wanted: str = "auto") -> str:
    """Return the precision that is wanted, or the fastest one of a device that trains well.

    CPUs have bf16 where they have its instructions, NVIDIA's cards since Ampere; older cards have
    fp16, whose gradients need a scaler.
    """
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
    capabilities = torch.cpu.get_capabilities()
    bf16 = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return "bf16" if bf16 else "fp32"


def take_share(of_memory: int) -> None:
    """Let only so many bytes count as free for this process, besides those that it has already.

    No limit of the system stands behind that: where the system gives no memory, Python may wait for
    ever for a thread that cannot start.
    """
    global _share_ends
    _share_ends = psutil.Process().memory_info().rss + of_memory


def free_memory(device: torch.device) -> int:
    """Return the free bytes of the device that networks run on."""
    return free_ram() if device.type == "cpu" else int(torch.cuda.mem_get_info(device)[0])


def free_ram() -> int:
    """Return the bytes that this process may still take.

    The machine has a limit, each control group (container, batch job) around the process may have
    one, beyond which the system ends the process, and so may the process itself (`ulimit -v`).
    """
    free = [int(psutil.virtual_memory().available), *_free_in_groups(), *_free_of_limits()]
    return max(0, min(free))


def _free_in_groups() -> Iterator[int]:
    """Yield what each group of the process that has a limit leaves, from the innermost outwards.

    In a container the system may name groups that are not visible: those are skipped.
    """
    if not MY_GROUPS.exists():
        return
    for line in MY_GROUPS.read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        version2 = controllers == ""
        if not (version2 or "memory" in controllers.split(",")):
            continue
        root = GROUPS if version2 else GROUPS / "memory"
        group = root / name.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(root):
                yield from _free_in_group(folder, version2)


def _free_in_group(folder: Path, version2: bool) -> Iterator[int]:
    """Yield what a group leaves, if it has a limit; cached files that nobody uses count as free."""
    limit, usage = "memory.limit_in_bytes", "memory.usage_in_bytes"
    cached = "total_inactive_file"
    if version2:
        limit, usage, cached = "memory.max", "memory.current", "inactive_file"
    try:
        most = (folder / limit).read_text().strip()
        used = int((folder / usage).read_text())
        details = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:
        return
    if most != "max":
        yield int(most) - used + int(details.get(cached, 0))


@contextmanager
def refused_beyond_free_ram(device: torch.device) -> Iterator[None]:
    """Let allocations fail, inside the block, where the system would end the process: an error.

    The block runs in the main thread, and in no other such block. An accelerator needs none of it.
    """
    most, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if device.type == "cuda":
        yield
        return
    free = free_ram() + (0 if _share_ends else psutil.swap_memory().free)
    wanted = psutil.Process().memory_info().data + int(SHARE * free)
    unlimited = most == resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if unlimited else min(wanted, most), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _free_of_limits() -> Iterator[int]:
    """Yield what the process's own limits leave: of addresses, of data, and of the machine."""
    memory = psutil.Process().memory_info()
    if _share_ends:
        yield _share_ends - memory.rss
    for limit, used in ((resource.RLIMIT_AS, memory.vms), (resource.RLIMIT_DATA, memory.data)):
        most, _ = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY:
            yield most - used


def wait_for(device: torch.device) -> None:
    """Block until the device has finished its queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def enough_memory(
    what: str, batch: int, size: tuple[int, int], fewer: int | None = None
) -> Iterator[None]:
    """Turn running out of memory into an error that says which number to lower.

    Args:
        what: name of the recipe whose network runs.
        batch, size: images in memory at once, and their height and width.
        fewer: images at once that would also do; None: half as many.

    Raises:
        BenchError: the block ran out of the device's or the machine's memory.
    """
    try:
        yield
    except Exception as error:
        if not memory_is_full(error):
            raise
        fewer = batch // 2 if fewer is None else fewer
        less = 0 < fewer < batch
        cure = f"use --micro-batch {fewer}" if less else "lower `size`"
        raise BenchError(
            f"{what}: out of memory with {several(batch, 'image')} of {size[0]}x{size[1]} at once; "
            f"{cure}"
        ) from error
