"""What a run may use of this machine, by names and numbers: whoever only lists needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """What a run may use of this machine.

    Args:
        device: "auto", "cpu", "cuda" (the first card) or "cuda:N".
        jobs: threads that work on photographs in parallel.
        micro_batch: images in memory at once; None: as much of a batch as fits.
        precision: "bf16", "fp16", "fp32" or "auto": the fastest of the device that trains well.
        gpus_per_training: devices that share each training; on the CPU, processes.
    """

    device: str = "auto"
    jobs: int = 1
    micro_batch: int | None = None
    precision: str = "auto"
    gpus_per_training: int = 1
