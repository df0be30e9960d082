"""Where networks run, in which precision it pays, and what to say when memory runs out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch
from accelerate import Accelerator

from bench.system.errors import BenchError, Missing


@dataclass(frozen=True)
class Machine:
    """What a run may use: a device ("auto", "cpu", "cuda"), parallel jobs, images held at once."""

    device: str = "auto"
    jobs: int = 1
    micro_batch: int | None = None  # None: as much of a recipe's batch as fits into memory

    def accelerator(self) -> Accelerator:
        """The device, in bf16 where its hardware multiplies bf16.

        Raises:
            Missing: "cuda" is asked for, and there is no such device.
        """
        if self.device == "cuda" and not torch.cuda.is_available():
            raise Missing("no CUDA device here; use --device cpu")
        cpu = self.device == "cpu" or not torch.cuda.is_available()
        return Accelerator(cpu=cpu, mixed_precision="bf16" if multiplies_bf16(cpu) else "no")

    def loader_workers(self) -> int:
        """Processes that feed the network: none beside a CPU that is busy with it anyway."""
        return 0 if self.device == "cpu" or not torch.cuda.is_available() else self.jobs


def free_memory(machine: Machine) -> int:
    """Bytes that are free where networks run: on the accelerator, or in this machine."""
    if machine.device == "cpu" or not torch.cuda.is_available():
        return int(psutil.virtual_memory().available)
    return int(torch.cuda.mem_get_info()[0])


def device_name(accelerator: Accelerator) -> str:
    """What the maker calls the accelerator, or "cpu"."""
    cuda = accelerator.device.type == "cuda"
    return torch.cuda.get_device_name(accelerator.device) if cuda else "cpu"


def multiplies_bf16(cpu: bool) -> bool:
    """Whether bf16 is faster than fp32: CPUs with its instructions, NVIDIA cards since Ampere."""
    if cpu:
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return torch.cuda.get_device_capability() >= (8, 0)


def wait_for(device: torch.device) -> None:
    """Until a device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def enough_memory(what: str, batch: int, size: tuple[int, int]) -> Iterator[None]:
    """Turn running out of memory into an error that says which number to lower.

    Raises:
        BenchError: the block ran out of the device's or the machine's memory.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not (isinstance(error, torch.OutOfMemoryError | MemoryError) or _cpu_is_full(error)):
            raise
        cure = f"use --micro-batch {batch // 2} (the same result)" if batch > 1 else "lower `size`"
        raise BenchError(
            f"{what}: out of memory with {batch} images of {size[0]}x{size[1]} at once; {cure}"
        ) from error


def _cpu_is_full(error: Exception) -> bool:
    return "DefaultCPUAllocator" in str(error)
