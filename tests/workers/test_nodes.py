"""What nodes have, what an item takes of them, and what makes one unfit is known before work."""

import pytest

from bench.system.errors import BadConfig, Missing
from bench.workers.nodes import (
    SAME,
    Need,
    Node,
    Places,
    differences,
    examine,
    has_met,
    meeting_in,
    needs,
    refuse_unfit,
    table,
)
from tests.tiny import HOME

BIG, SMALL, PLAIN = (
    Node("a" * 8, "big", 64, 8),
    Node("b" * 8, "small", 4, 1),
    Node("c", "cpu", 4, 0),
)
POOR, NONE = Node("d", "poor", 1, 2), Node("e", "none", 0, 2)


def test_a_training_takes_whole_gpus_each_with_its_share_of_cpus():
    assert needs("auto", 99, 2, [BIG, SMALL]) == (Need(8, 2), Need(4, 1))
    assert needs("auto", 99, 2, [BIG, NONE]) == (Need(16, 2), Need(8, 1))  # a head may do no work
    assert needs("auto", 99, 1, [POOR]) == (Need(1, 1), Need(1, 1))


def test_without_gpus_an_item_takes_as_many_cpus_as_jobs():
    assert needs("auto", 4, 1, [PLAIN]) == (Need(4, 0), Need(4, 0))
    assert needs("cpu", 2, 1, [BIG]) == (Need(2, 0), Need(2, 0))


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (("auto", 1, 9, [BIG]), "--gpus-per-training 9: .*big.* has 8 GPUs.*; use 8 at most"),
        (("auto", 9, 1, [PLAIN]), "--jobs 9: cpu .* has 0 GPUs and 4 CPUs; use --jobs 4 at most"),
        (("auto", 1, 2, [POOR]), "poor .* has 2 GPUs and 1 CPUs; use 1 at most"),
        (("cuda", 1, 1, [PLAIN]), "no GPU in the cluster.*--device cpu"),
        (("cuda", 1, 1, [PLAIN, NONE]), "none .* has 2 GPUs and 0 CPUs; .* --num-cpus N"),
        (("cpu", 1, 1, [NONE]), "--jobs 1: none .* and 0 CPUs; .* --num-cpus N"),
    ],
)
def test_a_request_that_no_node_can_hold_is_refused_with_what_they_have(words, cure):
    with pytest.raises(Missing, match=cure):
        needs(*words)


def test_a_gpu_by_its_number_is_wrong_usage():
    with pytest.raises(BadConfig, match=r"--device cuda:1: .* use --device cuda"):
        needs("cuda:1", 1, 1, [BIG])


@pytest.fixture
def places(tmp_path, tiny_carvana):
    return Places(tmp_path / "runs", tiny_carvana, scratch=tmp_path, suite="demo")


def test_a_machine_is_fit_for_its_own_work(places):
    with meeting_in(places.runs) as meeting:
        facts = examine(places, meeting, "me")
        assert has_met(meeting, "me")
        assert not has_met(meeting, "another")
    assert facts["faults"] == []
    assert facts["data"] == "64 training and 16 test photographs"
    assert differences(facts, facts) == []
    assert not any(places.runs.iterdir())


@pytest.mark.parametrize("name", SAME)
def test_what_differs_is_named_with_a_cure(places, name):
    with meeting_in(places.runs) as meeting:
        facts = examine(places, meeting, "me")
    (difference,) = differences(facts, facts | {name: "another"})
    assert difference == f"{name} is another there, {facts[name]} here; {SAME[name]}"


def test_a_folder_that_is_not_shared_and_a_scratch_that_is_not_there_are_faults(places, tmp_path):
    elsewhere = Places(places.runs, places.data, scratch=tmp_path / "none", suite="none.yaml")
    facts = examine(elsewhere, tmp_path / "another" / "meeting", "me")
    assert "No such file" in facts["faults"][0]
    assert f"{tmp_path}/none is no folder" in facts["faults"][1]
    assert "none.yaml" in facts["suite"]


def test_unfit_nodes_are_refused_by_name_and_shown_in_a_table(capsys):
    found = [
        {"node": "aaaaaaaa", "host": "good", "cpus": 1, "torch": "2.15", "faults": []},
        {"node": "bbbbbbbb", "host": "bad", "cpus": 1, "faults": ["no answer", "no disk"]},
    ]
    refuse_unfit(found[:1])
    with pytest.raises(Missing, match=r"bad \(bbbbbbbb\): no answer; bad \(bbbbbbbb\): no disk"):
        refuse_unfit(found)
    assert table(found).row_count == 2


def test_two_modules_alone_import_ray():
    files = [*(HOME / "bench").rglob("*.py"), *(HOME / "models").rglob("*.py")]
    importing = {path.name for path in files if "import ray" in path.read_text()}
    assert importing == {"cluster.py", "connection.py"}
