"""What docs/own-data.md shows is done as it stands there, on drawn shoes."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
import yaml

from bench.cli.verbs import main
from bench.config.recipe import Network
from bench.config.strict import to_yaml
from bench.cutout.manifest import read_manifest
from bench.share.card import card
from tests.shoes import draw_shoes
from tests.tiny import QUICK, RECIPE

PAGE = (Path(__file__).parents[2] / "docs" / "own-data.md").read_text()


def commands():
    """The words of each command of the page's first example."""
    block = re.search(r"```sh\n(.*?)```", PAGE, re.S)[1]
    return [shlex.split(line)[1:] for line in block.splitlines()]


@pytest.mark.slow
def test_the_example(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(draw_shoes(tmp_path, shoes=8))
    monkeypatch.setenv("CARVANA_BENCH_HOME", str(tmp_path))
    learner = {"network": Network(**QUICK), "epochs": 6}
    for name, size in {"a": (32, 48), "b": (40, 60)}.items():
        recipe = RECIPE.model_copy(update={**learner, "size": size})
        Path(f"{name}.yaml").write_text(to_yaml(recipe))
    suite = {"title": "shoes", "recipes": ["a.yaml", "b.yaml"]}
    suite |= {
        "ensembles": {"all": {"rule": "mean"}, "learnt": {"rule": "threshold"}},
        "folds": {"count": 2, "valid_cars": 1},
    }
    Path("suite.yaml").write_text(yaml.safe_dump(suite))
    for verb, *words in commands():
        on_cpu = [] if verb in ("prepare", "export") else ["--device", "cpu"]
        assert main([verb, *words, *on_cpu, "--jobs", "1"]) == 0, verb
    written = re.search(r"```yaml\n(.*?)```", PAGE, re.S)[1]
    assert Path("shoes/data.yaml").read_text().endswith(written)
    told = capsys.readouterr()
    assert "LEAKY: 4 of 8 groups" in told.err
    assert "doubt: on 8 photographs of 4 held-out groups, expected and" in told.err
    assert re.findall(r"(?i)\b(?:cars?|views?)\b", told.out + told.err) == []
    described = card(read_manifest(Path("shoe-model")), "me/shoes", "CC0-1.0")
    assert "of 4 groups that the networks which were scored had not seen" in described
    assert "cuts objects out" in described and not re.search(r"(?i)\bcars?\b", described)
    assert not Path("runs/suite/by_view.csv").exists()
    board = Path("runs/suite/leaderboard.md").read_text()
    assert "groups" in board and "cars" not in board
    page = Path("runs/suite/report.html").read_text()
    text = re.sub(r"(?s)<script.*?</script>|<style.*?</style>|<[^>]*>", " ", page)
    assert re.findall(r"(?i)\b(?:cars?|views?)\b", text) == []
    assert "1 validation group;" in text
    assert list(pd.read_csv("runs/suite/folds.csv").columns) == ["group", "fold"]
    about = ["suite.yaml", "--data", "shoes", "--entry", "all", "--jobs", "1"]
    assert main(["errors", *about, "--out", "worst"]) == 0
    distances = pd.read_csv("worst/distances.csv")
    assert distances.columns[0] == "group" and distances["group"].iloc[-1] == "all"
    assert main(["refine", *about]) == 0
