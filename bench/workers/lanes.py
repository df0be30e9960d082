"""How the devices of this machine are dealt out to worker processes."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from bench.config.machine import Machine
from bench.system.device import device_named, free_ram
from bench.system.errors import BadConfig, Missing
from bench.system.threads import environment_of_threads


@dataclass(frozen=True)
class Lane:
    """What one worker process has of the machine.

    Args:
        name: stands before all that the process says.
        environment: variables that are set before the process loads any library.
        machine: its share; of one with GPUs, those of the lane and nothing else.
        memory: bytes that it may take; None: as many as there are.
    """

    name: str
    environment: Mapping[str, str]
    machine: Machine
    memory: int | None = None


def lanes_of(
    machine: Machine, workers: int | None, gpus: Sequence[int], each: int = 1
) -> list[Lane]:
    """Return a lane for each worker process; none where this process does everything by itself.

    Without a choice, that is a lane for each of several GPUs.

    Args:
        workers: how many there are to be, of the GPUs or, where there are none, of the cores.
        gpus: their numbers, as torch counts them.
        each: how many GPUs a lane has; those that are left over have no lane.

    Raises:
        BadConfig: choices exclude each other, or there are more workers than devices.
        Missing: a GPU that is chosen is not there.
    """
    there = 0 if device_named(machine.device).type == "cpu" else torch.cuda.device_count()
    if ":" in machine.device:
        if gpus or workers:
            raise BadConfig(f"--device {machine.device} names one GPU: no --gpus, no --workers")
        return []
    if gpus and machine.device == "cpu":
        raise BadConfig("--gpus chooses GPUs and --device cpu forbids them: leave one of them out")
    for gpu in gpus:
        if gpu >= there:
            raise Missing(f"--gpus: no GPU {gpu} here, only {_listed(there)}")
    if not gpus:
        count = workers or max(1, there)
        most, what = (there, "GPUs") if there else (_cores(), "cores")
        if count > most:
            raise BadConfig(f"--workers {count}: more than the {most} {what} here")
        if count == 1:
            return []
        gpus = range(count) if there else ()
    if gpus:
        groups = _groups(gpus, each)
        return [_gpu_lane(machine, group, len(groups)) for group in groups]
    return [_core_lane(machine, number, count) for number in range(1, count + 1)]


def _groups(gpus: Sequence[int], each: int) -> list[Sequence[int]]:
    if each > len(gpus):
        raise BadConfig(f"--gpus-per-training {each}: more than the {len(gpus)} GPUs chosen")
    return [gpus[at : at + each] for at in range(0, len(gpus) - each + 1, each)]


def _gpu_lane(machine: Machine, gpus: Sequence[int], count: int) -> Lane:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")  # torch counts these
    names = [visible.split(",")[gpu].strip() if visible else str(gpu) for gpu in gpus]
    environment = {"CUDA_VISIBLE_DEVICES": ",".join(names), **_threads(count)}
    share = replace(machine, device="cuda", jobs=_jobs(machine, count))
    return Lane(f"gpu {'+'.join(map(str, gpus))}", environment, share)


def _core_lane(machine: Machine, number: int, count: int) -> Lane:
    share = replace(machine, jobs=_jobs(machine, count))
    return Lane(f"worker {number}", _threads(count), share, memory=free_ram() // count)


def _jobs(machine: Machine, count: int) -> int:
    return max(1, machine.jobs // count)


def _threads(count: int) -> dict[str, str]:
    """Return variables that give a worker its share of threads, or fewer if the user wants so."""
    share, chosen = max(1, _cores() // count), os.environ.get("OMP_NUM_THREADS", "")
    wanted = int(chosen) if chosen.isdecimal() and int(chosen) else share
    return environment_of_threads(str(min(share, wanted)))


def _cores() -> int:
    return len(os.sched_getaffinity(0))  # not those that a batch system gave to others


def _listed(there: int) -> str:
    numbers = ", ".join(map(str, range(there)))
    return f"{numbers} (of CUDA_VISIBLE_DEVICES)" if numbers else "the CPU"
