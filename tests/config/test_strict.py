"""Strict YAML: what is no plain YAML is refused, and so is a folder of other settings."""

from pathlib import Path

import pytest

from bench.config.library import changed, load_suite
from bench.config.recipe import Recipe
from bench.config.strict import check_same, read, to_yaml
from bench.system.errors import BadConfig


@pytest.mark.parametrize(
    ("text", "told"), [("a: [", "not YAML"), ("!!python/object:os.system x", "not YAML")]
)
def test_files_that_are_not_plain_yaml_are_refused(text, told, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(BadConfig, match=told):
        read(path, Recipe)


def test_a_folder_of_another_suite_is_refused_by_field(tmp_path: Path):
    suite = load_suite("demo")
    (tmp_path / "suite.yaml").write_text(to_yaml(suite))
    check_same(tmp_path / "suite.yaml", suite)
    with pytest.raises(BadConfig, match="another folds, limit"):
        check_same(
            tmp_path / "suite.yaml",
            changed(suite, seed=None, limit=2).model_copy(
                update={"folds": suite.folds.model_copy(update={"seed": 5})}
            ),
        )
