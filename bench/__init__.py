"""The harness: data -> train -> predict -> ensemble -> refine -> score -> submit -> report.

    carvana, check, demo, folds      a data set in Kaggle's layout, and its folds of cars
    train      recipe + fold      -> weights, history        (dataset, augment, losses, checkpoint)
    predict    weights + images   -> probability maps        (tta, resize, maps)
    ensemble   members' maps      -> one map                 (entries)
    score      maps + masks       -> counts, Dice, Jaccard   (rle, metrics)
    leaderboard, submission       -> tables, Kaggle files
    report     tables, pictures   -> one page
    export     run + entry        -> a model in one folder   (exported)
    cutout, serve  photographs    -> cars alone              (photographs, framing, matte, switches)
    pipeline   suite              -> all of it in order; cli: one verb a stage

Stages meet in the files of a run (layout.py) and import no other stage.
"""
