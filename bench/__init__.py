"""The harness: one folder a subject, in the order in which data flow through them.

    system/      what the program stands on: errors, files, threads, progress, devices
    config/      what decides a run: recipes, suites, refinement steps, and where its files lie
    masks/       probability maps, masks and run lengths, and the exact ways between them
    data/        photographs and masks in Kaggle's layout, their check, their folds of cars
    demo/        drawn cars in that layout
    metrics/     pure measures: masks and scores in, numbers out
    networks/    a recipe's network: built, loaded, run over photographs (predict)
    training/    a recipe and a fold in, a trained network out (train)
    refinement/  a map in, a better mask of it out
    ensembles/   members' maps in, one map out; one rule a file (fit, combine)
    scores/      maps and masks in; scores, ranks and tables out (score, leaderboard, analysis)
    kaggle/      submission files, their check, and Kaggle's client (submit)
    report/      a finished run in, one page out (page)
    cutout/      an entry in one folder, and the cars it cuts out (export, cutout)
    serve/       the same as a page and an API
    run/         one run of a suite: its stages, what is done, what is left
    speed/       every part beside its peers, for developers
    cli/         the command line: one verb a stage

A package imports only packages above it (tests/test_architecture.py holds the exact order). The
names in brackets are stages: they read and write files of a run, and import no other stage.
"""
