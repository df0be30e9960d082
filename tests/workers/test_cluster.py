"""Real nodes on this machine: the same results as alone, whatever is killed or frozen."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bench.config.recipe import Tta
from bench.masks.parts import open_maps
from bench.system.files import sha256
from tests.local_nodes import LocalCluster
from tests.tiny import HOME, RECIPE, Road, to_yaml

pytestmark = pytest.mark.slow
OTHERWISE = ["unshare", "--mount", "sh", "-c"]  # with other disks than this machine


@pytest.fixture(scope="module")
def cluster():
    found = LocalCluster()
    yield found
    found.end()


def small(folder: Path, data: Path, epochs: dict[str, int]) -> Road:
    """A suite of one fold and two recipes."""
    folder.mkdir()
    road = Road(folder, data)
    for name, count in epochs.items():
        recipe = RECIPE.model_copy(update={"epochs": count})
        (folder / f"{name}.yaml").write_text(to_yaml(recipe))
    road.write({"title": "tiny", "folds": {"count": 2, "run": [0], "valid_cars": 1}})
    return road


def copy_of(road: Road, folder: Path) -> Road:
    """The same, but for the maps of one recipe."""
    shutil.copytree(road.folder, folder)
    copy = Road(folder, road.data)
    for old in copy.made("a").glob("maps-*"):
        old.unlink()
    return copy


def words(road, verb, *more):
    return [*road.words(verb), "--jobs", "1", *more]


def hashes(folder: Path) -> dict[str, str]:
    """The content of what is the same in whatever way a run is done."""
    found = [
        path for form in ("safetensors", "parquet", "gz") for path in folder.rglob(f"*.{form}")
    ]
    return {path.relative_to(folder).as_posix(): sha256(path) for path in found}


def maps(road, name):
    with open_maps(road.made(name)) as found:
        return found.content


def until(met):
    while not met():
        time.sleep(0.02)


def test_two_nodes_and_a_killed_command_make_the_same_bytes_as_one_process(
    cluster, road, tmp_path, tiny_carvana
):
    cluster.have(2)
    mine = Road(tmp_path, tiny_carvana)
    first = cluster.command(*words(mine, "run"))
    first.says("1 of 4 items: train b")
    first.process.kill()
    again = cluster.command(*words(mine, "run"))
    assert again.ends() == 0, again.text
    assert " of 4 items" not in again.text  # what was done is not done again
    assert hashes(mine.folder) == hashes(road.folder)
    assert maps(mine, "a/maps-heldout.sqlite") == maps(road, "a/maps-heldout.sqlite")
    log = mine.made("log.txt").read_text()
    said = [line for line in again.said if " epoch " in line]
    assert said
    assert all(log.count(line) == 1 for line in said)
    assert not [*mine.folder.rglob("*-wal"), *mine.folder.rglob("*-shm")]
    assert not [*mine.folder.rglob("*.attempt-*"), *mine.folder.rglob(".nodes-*")]


def test_a_training_goes_on_elsewhere_where_a_node_is_killed_or_freezes(
    cluster, tmp_path, tiny_carvana
):
    """Its weights are the same to the bit; the frozen process, thawed, cannot write any more."""
    nodes, epochs = cluster.have(3), {"a": 1, "b": 24}
    mine = small(tmp_path / "cluster", tiny_carvana, epochs)
    command = cluster.command(*words(mine, "train", "--only", "b"))
    command.says("b epoch 2/24")
    (killed,) = [node for node in nodes if node.workers("train b")]
    killed.kill()
    command.says("again, try 2 of 4")
    command.says("b epoch")
    (frozen,) = [node for node in nodes if node.alive and node.workers("train b")]
    (zombie,) = frozen.workers("train b")
    frozen.signal(signal.SIGSTOP)
    command.says("gives no sign of life); again, try 3 of 4")
    zombie.send_signal(signal.SIGCONT)
    assert command.ends() == 0, command.text
    until(lambda: not frozen.workers("train b"))  # it has come to an end of its own
    frozen.kill()
    alone = small(tmp_path / "alone", tiny_carvana, epochs)
    assert alone.run("train", "--only", "b", "--jobs", "1") == 0
    assert hashes(mine.folder) == hashes(alone.folder)
    assert not [*mine.folder.rglob("*.attempt-*")]


def test_a_part_is_whole_though_its_node_is_killed_while_predicting_it(cluster, road, tmp_path):
    nodes = cluster.have(2)
    mine, alone = (copy_of(road, tmp_path / name) for name in ("cluster", "alone"))
    slow = RECIPE.model_copy(update={"tta": Tta(flip=True, scales=(4, 5))})
    for each in (mine, alone):
        (each.folder / "a.yaml").write_text(to_yaml(slow))
    command = cluster.command(*words(mine, "predict", "--only", "a"))
    until(lambda: [*mine.made("a").rglob("maps-test*.sqlite*")])
    (killed,) = [node for node in nodes if node.workers("predict test")]
    killed.kill()
    assert command.ends() == 0, command.text
    assert "predict test photographs, part 1/1: died on" in command.text
    assert alone.run("predict", "--only", "a", "--jobs", "1") == 0
    for name in ("a/maps-test.sqlite", "a/maps-heldout.sqlite"):
        assert maps(mine, name) == maps(alone, name)


def test_what_is_killed_at_every_attempt_is_reported_and_all_else_is_done(
    cluster, tmp_path, tiny_carvana
):
    """So does the system where memory runs out."""
    nodes = cluster.have(2)
    mine = small(tmp_path / "cluster", tiny_carvana, {"a": 1, "b": 1})
    command = cluster.command(*words(mine, "train"))
    while command.process.poll() is None:
        for node in nodes:
            for worker in node.workers("train a"):
                worker.kill()
        time.sleep(0.02)
    assert command.ends() == 5, command.text
    assert "1 item failed, all others are done; the first: train a, fold 0: 4 times" in command.text
    assert mine.made("b/fold0/manifest.json").exists()
    assert not mine.made("a/fold0/manifest.json").exists()


def test_nodes_that_are_unfit_are_named_before_any_work(cluster, tmp_path, tiny_carvana):
    runs, program = tmp_path / "runs", tmp_path / "bench"
    runs.mkdir()
    shutil.copytree(HOME / "bench", program)
    (program / "another.py").write_text("")
    disks = f"mount -t tmpfs none {runs} && mount --bind {program} {HOME}/bench"
    if subprocess.run([*OTHERWISE, disks], check=False).returncode:
        pytest.skip("no right to mount anything")
    cluster.have(1)
    cluster.start(before=[*OTHERWISE, f'{disks} && exec "$0" "$@"'])
    mine = small(tmp_path / "cluster", tiny_carvana, {"a": 1, "b": 1})
    command = cluster.command(*words(mine, "train"), "--runs", str(runs))
    assert command.ends() == 4, command.text
    (last,) = [line for line in command.said if line.startswith("carvana-bench train: ")]
    assert last.count(f"{runs} is another folder there") == 1
    assert last.count("program is ") == 1
    assert not any(runs.iterdir())
    cluster.nodes.pop().kill()


def test_other_nodes_do_the_work_of_one_whose_scratch_is_full(cluster, road, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    disks = f"mount -t tmpfs -o size=64k none {scratch}"
    if subprocess.run([*OTHERWISE, disks], check=False).returncode:
        pytest.skip("no right to mount anything")
    cluster.have(1)
    cluster.start(before=[*OTHERWISE, f'{disks} && exec "$0" "$@"'])
    mine = copy_of(road, tmp_path / "cluster")
    command = cluster.command(*words(mine, "predict", "--only", "a", "--scratch", str(scratch)))
    assert command.ends() == 0, command.text
    assert "gets no more items, since its scratch fails" in command.text
    assert "no space left on its disk" in command.text
    assert maps(mine, "a/maps-heldout.sqlite") == maps(road, "a/maps-heldout.sqlite")
    assert not [*mine.folder.rglob("*-wal"), *scratch.iterdir()]
    cluster.nodes.pop().kill()


def test_a_gpu_too_many_is_refused_at_once_with_what_there_is(cluster, tmp_path, tiny_carvana):
    cluster.have(0)
    cluster.start("--num-gpus=2")
    mine = small(tmp_path / "cluster", tiny_carvana, {"a": 1, "b": 1})
    more = ["--gpus-per-training", "3", "--device", "auto"]
    command = cluster.command(*words(mine, "train"), *more)
    assert command.ends() == 4, command.text
    assert "has 2 GPUs and 1 CPUs" in command.said[-1]
    assert "use 1 at most" in command.said[-1]
    assert not mine.made("a").exists()


def test_a_dead_letterbox_ends_nothing_and_a_lost_cluster_ends_in_one_line(tmp_path, tiny_carvana):
    cluster = LocalCluster()
    try:
        cluster.have(1)
        mine = small(tmp_path / "cluster", tiny_carvana, {"a": 60, "b": 60})
        command = cluster.command(*words(mine, "train"))
        command.says("epoch 2/")
        (letterbox,) = [
            found for node in (cluster.head, *cluster.nodes) for found in node.workers("Letterbox")
        ]
        letterbox.kill()
        command.says("1 of 2 items")
        command.says("epoch 2/")
        cluster.head.kill()
        assert command.ends() == 4, command.text
        (last,) = [line for line in command.said if line.startswith("carvana-bench train: ")]
        assert f"--cluster {cluster.address}: lost" in last and "Traceback" not in command.text
    finally:
        cluster.end()


def test_another_token_is_refused(cluster, tmp_path, tiny_carvana):
    more = ["--data", str(tiny_carvana), "--runs", str(tmp_path)]
    command = cluster.command("doctor", *more, RAY_AUTH_TOKEN="x" * 64)
    assert command.ends() == 4, command.text
    assert "it has another token than this machine" in command.said[-1]
