"""The devices of a machine, dealt out to worker processes."""

import os

import pytest

from bench.cli.verbs import main
from bench.config.machine import Machine
from bench.system.errors import BadConfig, Missing
from bench.workers import lanes
from bench.workers.lanes import lanes_of


@pytest.fixture
def machine(monkeypatch):
    """A machine with 8 cores, whatever this one has, and as many GPUs as asked for."""

    def made(gpus, device="auto", visible=None, threads=None):
        chosen = {"CUDA_VISIBLE_DEVICES": visible, "OMP_NUM_THREADS": threads}
        for name, value in chosen.items():
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
        monkeypatch.setattr(lanes.torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(lanes.torch.cuda, "is_available", lambda: bool(gpus))
        return Machine(device, jobs=6)

    return made


def of(found):
    """What matters of lanes: name, GPU, threads, device and jobs."""
    return [
        (
            lane.name,
            lane.environment.get("CUDA_VISIBLE_DEVICES"),
            lane.environment["OMP_NUM_THREADS"],
            lane.machine.device,
            lane.machine.jobs,
        )
        for lane in found
    ]


def test_several_gpus_have_a_worker_each_and_one_device_has_none(machine):
    assert of(lanes_of(machine(2), None, ())) == [
        ("gpu 0", "0", "4", "cuda", 3),
        ("gpu 1", "1", "4", "cuda", 3),
    ]
    for gpus, device in [(1, "auto"), (0, "auto"), (2, "cpu")]:
        assert lanes_of(machine(gpus, device), None, ()) == []
    assert lanes_of(machine(2), 1, ()) == []


def test_chosen_gpus_are_those_that_torch_counts(machine):
    found = lanes_of(machine(4, visible="7, 5,GPU-a,2"), None, (2, 0))
    assert [each[:2] for each in of(found)] == [("gpu 2", "GPU-a"), ("gpu 0", "7")]
    assert [lane.memory for lane in found] == [None, None]
    assert len(lanes_of(machine(4), 3, ())) == 3
    pairs = of(lanes_of(machine(5), None, (), 2))
    assert pairs == [("gpu 0+1", "0,1", "4", "cuda", 3), ("gpu 2+3", "2,3", "4", "cuda", 3)]


@pytest.mark.parametrize(
    ("threads", "share"), [(None, "2"), ("1", "1"), ("5", "2"), ("4,2", "2"), ("0", "2")]
)
def test_workers_without_gpus_share_cores_threads_and_memory(machine, threads, share):
    found = lanes_of(machine(0, threads=threads), 3, ())
    assert of(found) == [(f"worker {number}", None, share, "auto", 2) for number in (1, 2, 3)]
    memory = {lane.memory for lane in found}
    assert all(each and each <= lanes.free_ram() / 2 for each in memory)


@pytest.mark.parametrize(
    ("here", "chosen", "error", "message"),
    [
        ((0, "auto"), (9, ()), BadConfig, "--workers 9: more than the 8 cores here"),
        ((2, "auto"), (3, ()), BadConfig, "--workers 3: more than the 2 GPUs here"),
        ((2, "auto"), (None, (0, 2)), Missing, "no GPU 2 here, only 0, 1"),
        ((0, "auto"), (None, (0,)), Missing, "no GPU 0 here, only the CPU"),
        ((2, "cpu"), (None, (0,)), BadConfig, "leave one of them out"),
        ((2, "cuda:1"), (2, ()), BadConfig, "--device cuda:1 names one GPU"),
        ((2, "auto"), (None, (), 3), BadConfig, "--gpus-per-training 3: more than the 2 GPUs"),
    ],
)
def test_what_is_not_there_is_refused(machine, here, chosen, error, message):
    with pytest.raises(error, match=message):
        lanes_of(machine(*here), *chosen)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gpus", "0,two"], "'0,two' is not a list of numbers such as 0,2"),
        (["--gpus", ""], "'' is not a list of numbers"),
        (["--gpus", "1,1"], "'1,1' names a number twice"),
        (["--gpus=-1"], "'-1' is not a list of numbers"),
        (["--workers", "0"], "'0' is not a whole number from 1"),
        (["--workers", "2", "--gpus", "0"], "not allowed with argument"),
    ],
)
def test_nonsense_is_wrong_usage(words, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "demo", *words])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("words", "code"), [(["--gpus", "99"], 4), (["--workers", "1000"], 2)])
def test_nothing_is_begun_where_a_device_is_not_there(words, code, tiny_carvana, tmp_path):
    places = ["--runs", str(tmp_path), "--data", str(tiny_carvana)]
    assert main(["train", "demo", *places, *words]) == code
    assert list(tmp_path.iterdir()) == []
