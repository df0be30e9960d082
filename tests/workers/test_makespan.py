"""How long a run takes on several workers, before it begins."""

from types import SimpleNamespace

from bench.workers.makespan import minutes_by_workers


def test_a_car_is_predicted_by_one_worker_however_many_there_are():
    data = SimpleNamespace(test=[f"{image % 6:012x}_{image:02}" for image in range(96)])
    run = SimpleNamespace(data=data, suite=SimpleNamespace(folds=SimpleNamespace(run=[0])))
    minutes = minutes_by_workers(run, {"a": {"train_minutes": 0.0, "predict_minutes": 60.0}})
    assert minutes == {"1": 60, "2": 30, "4": 20, "8": 10, "16": 10, "64": 10}
