"""Read again all that a run was made from and all that it made, whatever its files look like.

A failing disk changes bytes without a trace, and so does whoever sets the times of files. After a
check of everything, the run goes on as usual: what changed is known, and what stands on it is
made again.
"""

from pathlib import Path

from bench.masks.parts import map_files
from bench.masks.store import MapStore
from bench.run.run import Run
from bench.run.stage import RecordedStage
from bench.run.stages import all_stages
from bench.system.errors import BadData, Missing
from bench.system.progress import say, track
from bench.system.text import several


def verify(run: Run) -> None:
    """Read every photograph, mask, weight, map and result of a run, and say what changed unseen."""
    data = run.data
    files = [*data.train.values(), *data.masks.values(), *data.test.values()]
    stages = all_stages(run) if run.layout.folds.exists() else []
    made = [path for stage in stages if isinstance(stage, RecordedStage) for path in stage.makes]
    files += [path for path in made if path.is_file()]
    for path in run.contents.verify(files):
        say(f"{path}: its bytes changed, and nothing else of it")
    members = [path for split in ("heldout", "test") for path in run.stores(split).values()]
    stores = [file for path in members for file in map_files(path)]
    for path in stores:
        _verify_store(path)
    say(f"{several(len(files), 'file')} and {several(len(stores), 'map store')} read to their ends")


def _verify_store(path: Path) -> None:
    """Read every map of a store; one that is damaged, or only begun, will be predicted again."""
    try:
        with MapStore.open(path) as store:
            images = store.ids()
            for image in track(images, f"read {path.parent.name}/{path.name}", len(images)):
                store.borrow(image)
    except (BadData, Missing) as error:
        say(str(error))
