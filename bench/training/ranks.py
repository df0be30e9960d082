"""One training shared by several processes, its ranks: each has a device and a part of every batch.

`accelerate launch` starts them, and each runs this module. Rank 0 alone writes the training's files
and says its lines.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext, redirect_stderr
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import torch
from pydantic import TypeAdapter
from torch import distributed

from bench.config.layout import TrainingFolder
from bench.config.machine import Machine
from bench.config.recipe import Recipe, scaled
from bench.config.strict import read
from bench.data.dataset import DataSet, Lessons
from bench.masks.types import Map, size_name
from bench.networks.manifest import read_manifest
from bench.own.opening import open_data
from bench.system import process
from bench.system.device import Lost, device_named, free_ram, take_share
from bench.system.environment import ROOT
from bench.system.errors import BadConfig, BenchError, Missing, memory_is_full, out_of_memory
from bench.system.progress import report_dice, say
from bench.system.temporaries import temporary_folder
from bench.system.threads import environment_of_threads
from bench.training import train
from bench.training.dataset import Decoded, samples_of

ALONE = (  # whatever the user has configured for accelerate
    *("--multi_gpu", "--num_machines", "1", "--gpu_ids", "all", "--main_process_port", "0"),
    *("--mixed_precision", "no", "--dynamo_backend", "no"),
)
NAMES, LOG = "names.json", "log"
SILENT_FOR = timedelta(minutes=30)  # at most, of a rank that the others wait for
LINES_OF_LOG = 15


@dataclass(frozen=True)
class Names:
    """All that a rank has to know: names, and no data.

    Args:
        recipe: its name; the training's folder has the recipe itself.
        images: of the data set, as far as the run uses it.
        photographs, taught: those of a teacher's lessons, and what they are made from.
        share: of the samples of an epoch that are a teacher's; 0 without one.
        memory: bytes that each rank may take on the CPU.
        fewest: as `train.begin` returns it.
    """

    recipe: str
    train: list[str]
    valid: list[str]
    folder: Path
    tensorboard: Path | None
    data: Path
    images: list[str]
    photographs: dict[str, Path]
    taught: dict[str, str]
    share: float
    cache: Path
    machine: Machine
    memory: int
    fewest: int


def check_devices(machine: Machine) -> None:
    """Refuse to share each training between more devices than there are.

    Raises:
        BadConfig: one device is named. Missing: there are fewer GPUs.
    """
    count = machine.gpus_per_training
    if count == 1 or machine.device == "cpu":
        return
    if ":" in machine.device:
        raise BadConfig(f"--gpus-per-training {count}: --device {machine.device} names one GPU")
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count > cards:
        cure = f"use {cards} at most" if cards else "use --device cpu"
        raise Missing(f"--gpus-per-training {count}: more than the {cards} GPUs here; {cure}")


def run(task: train.Task, data: DataSet, cache: Path, machine: Machine) -> None:
    """Train by several processes as `train.run` does by one, from and to the same files.

    Raises: as `train.run`, and
        BadConfig, Missing: as `check_devices`.
        BenchError: one of the processes was ended; the last epoch's state is kept.
    """
    check_devices(machine)
    fewest = train.begin(task, data, machine)
    if not fewest:
        return
    name, count, lessons = task.recipe.name, machine.gpus_per_training, task.lessons
    if lessons:
        _write_samples(task.recipe, lessons, cache, machine.jobs)
    names = Names(
        recipe=name,
        train=list(task.train),
        valid=list(task.valid),
        folder=task.folder.folder,
        tensorboard=task.tensorboard,
        data=data.root,
        images=list(data.train),
        photographs=dict(lessons.photographs) if lessons else {},
        taught=dict(lessons.made_from) if lessons else {},
        share=lessons.share if lessons else 0.0,
        cache=cache,
        machine=replace(machine, jobs=max(1, machine.jobs // count)),
        memory=free_ram() // count,
        fewest=fewest,
    )
    with temporary_folder("ranks") as folder:
        (folder / NAMES).write_bytes(TypeAdapter(Names).dump_json(names))
        say(f"{name}: {count} processes share each batch")
        if _launch(folder, count):
            raise _why(name, folder, count)
    report_dice(read_manifest(task.folder.manifest).valid_dice, name)


def _write_samples(recipe: Recipe, lessons: Lessons, cache: Path, jobs: int) -> None:
    """Write a teacher's samples, which ranks read: they have no maps.

    Raises:
        BadConfig: so many would be made whenever they are read, of maps.
    """
    for scale, _ in recipe.stages():
        images, size = sorted(lessons.photographs), scaled(recipe.size, scale)
        if isinstance(samples_of(lessons, images, size, cache, jobs), Decoded):
            raise BadConfig(
                f"{recipe.name}: teach: {len(images):,} photographs at {size_name(size)} are too "
                "many to be kept on the disk for several processes; leave out --gpus-per-training"
            )


def _sample_is_gone(image: str) -> Map:
    raise BenchError(f"the sample of {image} is gone; the same command makes it again")


def _launch(folder: Path, count: int) -> int:
    """Start the ranks, say what they say, and return the launcher's exit code.

    They end as soon as their standard input does: when the block ends, or this process.
    """
    launch = [sys.executable, "-m", "accelerate.commands.launch", *ALONE]
    words = [*launch, "--num_processes", str(count), "-m", "bench.training.ranks", str(folder)]
    paths = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    variables = environment_of_threads(str(max(1, torch.get_num_threads() // count)))
    variables |= {"PYTHONPATH": os.pathsep.join(paths)}
    with (
        open(folder / LOG, "wb") as log,
        subprocess.Popen(
            words,
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C is for this process
        ) as launcher,
    ):
        try:
            for line in launcher.stdout or ():
                say(line.rstrip("\n"))
        finally:
            if launcher.stdin:
                launcher.stdin.close()
            launcher.wait()
    return launcher.returncode


def _why(name: str, folder: Path, count: int) -> BenchError:
    """Return the error that ended the training: a rank's own, or the death of one without any."""
    errors = [_read_error(folder, rank) for rank in range(count)]
    first = [error for error in errors if error and not isinstance(error, Lost)]
    if first:
        return first[0]
    dead = [rank for rank in range(count) if not errors[rank] and _pid(folder, rank).exists()]
    if dead:
        who = ", ".join(f"{rank} (process {_pid(folder, rank).read_text()})" for rank in dead)
        return BenchError(
            f"{name}: rank {who} of {count} was killed, mostly because memory was short: use a "
            "smaller --micro-batch; the same command goes on after the last epoch"
        )
    lost = [f"{name}: {error}" for error in errors if error]
    log = (folder / LOG).read_text(errors="replace").splitlines()[-LINES_OF_LOG:]
    return BenchError("\n".join(lost[:1] or [f"{name}: its processes did not start:", *log]))


def _pid(folder: Path, rank: int) -> Path:
    return folder / f"{rank}.pid"


def _read_error(folder: Path, rank: int) -> BenchError | None:
    """Return the error that a rank has left."""
    path = folder / f"{rank}.json"
    if not path.exists():
        return None
    left = json.loads(path.read_bytes())
    error = Lost(left["text"]) if left["lost"] else BenchError(left["text"])
    error.exit_code = left["exit_code"]
    return error


def main(folder: Path) -> None:
    """Be one rank of a training; its number is in the environment."""
    rank = int(os.environ.get("RANK", ""))

    def leave(error: BenchError) -> None:
        """End here and now: threads of a library may still wait for other ranks."""
        lost = isinstance(error, Lost)
        left = {"text": str(error), "exit_code": error.exit_code, "lost": lost}
        hidden = folder / f"{rank}.{lost}"
        hidden.write_text(json.dumps(left))
        hidden.replace(folder / f"{rank}.json")
        os._exit(1)

    _pid(folder, rank).write_text(str(os.getpid()))
    _end_when_told(leave)
    process.prepare_streams()
    process.prepare_for_networks()
    process.use_one_opencv_thread()
    try:
        with redirect_stderr(sys.stdout) if rank == 0 else nullcontext():
            _join_and_train(TypeAdapter(Names).validate_json((folder / NAMES).read_bytes()))
    except BenchError as error:
        leave(error)
    except Exception as error:
        if memory_is_full(error):
            leave(BenchError(out_of_memory(error, "use a smaller --micro-batch")))
        leave(BenchError(f"rank {rank}: {''.join(traceback.format_exception(error)).strip()}"))


def _join_and_train(names: Names) -> None:
    """Meet the other ranks, and train with them."""
    on_cpu = device_named(names.machine.device).type == "cpu"
    if on_cpu:
        take_share(names.memory)
    distributed.init_process_group("gloo" if on_cpu else "nccl", timeout=SILENT_FOR)
    folder, data = TrainingFolder(names.folder), open_data(names.data)
    data = replace(data, train={image: data.train[image] for image in names.images})
    recipe = read(folder.recipe, Recipe).named(names.recipe)
    lessons = None
    if names.share:
        lessons = Lessons(names.photographs, names.taught, _sample_is_gone, names.share)
    task = train.Task(recipe, names.train, names.valid, folder, lessons, names.tensorboard)
    train.finish(task, data, names.cache, names.machine, names.fewest)
    distributed.destroy_process_group()


def _end_when_told(leave: Callable[[BenchError], None]) -> None:
    """End this process with the one that wants the training, and when the launcher says so.

    The main thread may wait for a rank that is dead, deep in a library, and hear nothing.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def hear() -> None:
        signal.sigwait({signal.SIGTERM})
        leave(Lost("told to end, as another rank did"))

    def read_to_end() -> None:
        while os.read(0, 1):  # not by sys.stdin, whose lock would abort a process that ends
            pass
        os._exit(1)

    for each in (hear, read_to_end):
        Thread(target=each, daemon=True).start()
    process.end_with(os.getppid())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
