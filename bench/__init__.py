"""The harness: the floor plan. Packages stand in the order in which data flow through them.

  system/       what the program stands on
    errors text threads progress process device environment disk temporaries files contents claims
  config/       what decides a run: recipe, suite, refinement steps, and where its files lie
    recipe suite variation names part machine refinement library strict layout
  masks/        maps, masks and runs: one type each, and the exact ways between them
    types rle resize contours packing store parts publishing database damage
    scratch drawing
    compiled/   their loops as machine code
      jit vectors words runs pixels planes shrinking submission_lines
  data/         photographs and masks, by id; Kaggle's layout of them; folds of cars or groups
    listing tables images orientation mask_formats image_ids dataset content archive carvana doubts
    folds
  demo/         cars drawn in that layout
    folder photograph body mesh parts shape skin raster shader light studio sheet
  metrics/      pure measures: masks and scores in, numbers out
    overlap boundary measures parity correction draws statistics power
  own/          a data folder of either kind opened and checked: Kaggle's, or one's own pictures
    description patterns opening data_report kaggle_layout check coco coco_table prepare
  networks/     a recipe's network: built, loaded, run over photographs
    build manifest load tta infer quantised edge wanted predictor predict* quantise*
    engines/    what runs converted networks on a CPU
      quiet openvino onnx engines
  training/     recipe and fold in, a trained network out
    train* check dataset augment losses optimiser state epoch ranks memory cost tensorboard
    backgrounds/  other pictures behind training cars
      scene drawn
  refinement/   a map in, a better mask of it out: one step a file
    refine state certainty <step>
  ensembles/    members' maps in, one map out
    entry members teacher evidence disputed arithmetic fit* combine*
    rules/      one rule a file
      rule <rule>
  doubt/        which cut-outs need a look, calibrated on held-out cars
    signs calibration heldout listing glow review
  scores/       maps and masks in; scores, ranks, tables and reasons out
    score* columns pairs ranking leaderboard* tables diversity analysis* compare worst_images
    refinement_trials reported
  kaggle/       what Kaggle wants and says: submission files and its client
    submit* reading writing names encoding validation scoring client download standings
  report/       a finished run in, one page out
    page* facts names answer leaderboard heatmaps learning_curves figures svg pictures inline_images
    provenance
  cutout/       a trained entry in one folder, and the cars it cuts out
    export* manifest model cutout* sources record formats photographs letterbox matting touch_ups
    background
  serve/        the same as a page and an API
    connection access guard app endpoints layers queue errors server overhead
  evaluation/   exported models and submission files, scored on any labelled photographs
    judged evaluate
  share/        an exported model for others: from Python, and from the Hugging Face hub
    api card hub*
  run/          one run of a suite: its stages, what is done, what is left
    run record stage inputs members leaderboard results opening items stages plan verify
  workers/      ways to run a run's items: on one machine, and on many
    lanes processes makespan task nodes dealing connection cluster
  speed/        every part beside its peers, for developers
    timing comparison peers samples in_memory on_disk network network_variants network_parity loader
    scale scale_report
  cli/          the command line: one verb a stage
    verbs arguments suite_verbs result_verbs data_verbs own_verbs speed_verb
    cutout_verbs printing catalogue doctor commands_page

A file marked * is a stage: it reads and writes files of a run and imports no other stage. What may
import what, and that this plan is complete, is tests/test_architecture.py.

Other programs use what `__all__` lists, see docs/api.md; everything else is private and may change.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.share.api import Cutout, CutoutModel, load_model
    from bench.system.errors import BenchError

__version__ = "0.1.0"
__all__ = ["BenchError", "Cutout", "CutoutModel", "load_model"]


def __getattr__(name: str) -> Any:
    """Load the public names when they are asked for: the networks' libraries take seconds."""
    if name not in __all__:
        raise AttributeError(f"module 'bench' has no public name {name!r}, only {__all__}")
    from bench.share import api

    return getattr(api, name)
