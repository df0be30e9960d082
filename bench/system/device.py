"""The device that networks run on, its precision and its memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch
from accelerate import Accelerator

from bench.system.errors import BenchError, Missing


@dataclass(frozen=True)
class Machine:
    """What a run may use of this machine.

    Args:
        device: "auto", "cpu" or "cuda".
        jobs: threads that work on photographs in parallel.
        micro_batch: images in memory at once; None: as much of a batch as fits.
    """

    device: str = "auto"
    jobs: int = 1
    micro_batch: int | None = None

    def accelerator(self) -> Accelerator:
        """Return the device, with mixed precision in bf16 where that is faster than fp32.

        Raises:
            Missing: "cuda" is asked for, and there is no such device.
        """
        if self.device == "cuda" and not torch.cuda.is_available():
            raise Missing("no CUDA device here; use --device cpu")
        cpu = self.device == "cpu" or not torch.cuda.is_available()
        return Accelerator(cpu=cpu, mixed_precision="bf16" if bf16_is_fast(cpu) else "no")

    def loader_workers(self) -> int:
        """Return how many processes prepare batches: none beside a network on the CPU."""
        return 0 if self.device == "cpu" or not torch.cuda.is_available() else self.jobs


def free_memory(machine: Machine) -> int:
    """Return the free bytes of the device that networks run on."""
    if machine.device == "cpu" or not torch.cuda.is_available():
        return int(psutil.virtual_memory().available)
    return int(torch.cuda.mem_get_info()[0])


def device_name(accelerator: Accelerator) -> str:
    """Return the maker's name of the accelerator, or "cpu"."""
    cuda = accelerator.device.type == "cuda"
    return torch.cuda.get_device_name(accelerator.device) if cuda else "cpu"


def bf16_is_fast(cpu: bool) -> bool:
    """Whether bf16 is faster than fp32: CPUs with its instructions, NVIDIA cards since Ampere."""
    if cpu:
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return torch.cuda.get_device_capability() >= (8, 0)


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
    except (RuntimeError, MemoryError) as error:
        if not (isinstance(error, torch.OutOfMemoryError | MemoryError) or _cpu_is_full(error)):
            raise
        fewer = batch // 2 if fewer is None else fewer
        less = 0 < fewer < batch
        cure = f"use --micro-batch {fewer} (the same result)" if less else "lower `size`"
        raise BenchError(
            f"{what}: out of memory with {batch} images of {size[0]}x{size[1]} at once; {cure}"
        ) from error


def _cpu_is_full(error: Exception) -> bool:
    return "DefaultCPUAllocator" in str(error)
