"""What a check looks at in Kaggle's layout alone: names of cars, unused files, its tables."""

from collections import Counter

from bench.data.archive import FOLDERS
from bench.data.carvana import VIEWS, metadata
from bench.data.dataset import DataSet, read_mask_table
from bench.data.doubts import NAMES_CURE, misnamed_cars, naming_notes
from bench.data.image_ids import car_of
from bench.data.listing import CONVERT, other_pictures
from bench.own.data_report import DataReport
from bench.system.text import several


def examine_cars(data: DataSet, report: DataReport) -> None:
    """Look whether photographs of one name show one car, and whether each car has all views."""
    for name, photographs in (("training", data.train), ("test", data.test)):
        views = Counter(map(car_of, photographs))
        report.notes += naming_notes(list(photographs))
        odd = [f"{car} with {count}" for car, count in views.items() if count != VIEWS]
        if odd and data.of_cars:
            cars = several(len(odd), f"{name} car")
            report.notes.append(f"{cars} without {VIEWS} views, first {odd[0]}")
    misnamed = misnamed_cars(data.train)
    for car, why in misnamed.items():
        first = min(image for image in data.train if car_of(image) == car)
        report.add(data.train[first], why, NAMES_CURE)
    train_cars = {car_of(image) for image in data.train} - misnamed.keys()
    for image, path in data.test.items():
        if car_of(image) in train_cars:
            what = f"its {data.unit} is in the training folder too"
            report.add(path, what, "remove it from one of them")


def examine_files(data: DataSet, report: DataReport) -> None:
    """Look for files that are not used."""
    known = {*data.train.values(), *data.masks.values(), *data.test.values()}
    used = {path.parent for path in known}
    for folder in (data.root / name for name in FOLDERS):
        if folder.is_dir() and folder not in used:
            report.notes.append(f"{folder.name}/ is not used")
        elif folder.is_dir():
            for picture in other_pictures(folder):
                if picture not in known:
                    report.add(picture, "a picture in a format that is not read", CONVERT)
            others = sorted(set(folder.iterdir()) - known)
            if others:
                ignored = several(len(others), "other file")
                report.notes.append(f"{ignored} ignored, first {others[0]}")


def examine_sample(data: DataSet, report: DataReport) -> None:
    """Compare sample_submission.csv with the test photographs."""
    if data.sample is None:
        return
    rows = read_mask_table(data.sample).keys()
    report.facts["rows to submit"] = f"{len(rows)} in {data.sample.name}"
    for image in sorted(data.test.keys() - rows):
        report.add(
            data.test[image], f"not in {data.sample.name}", "restore that file, or remove this"
        )
    absent = len(rows - data.test.keys())
    if absent:
        report.notes.append(f"not here: {absent} of {several(len(rows), 'photograph')} to submit")


def examine_metadata(data: DataSet, report: DataReport) -> None:
    """Compare metadata.csv with the cars."""
    if data.metadata_table is None:
        return
    known = metadata(data).keys()
    cars = {car_of(image) for image in (*data.train, *data.test)}
    report.facts["metadata"] = (
        f"{several(len(known), 'car')}, {len(cars & known)} of the {len(cars)} here"
    )
    if cars - known:
        report.notes.append(f"cars without a row in metadata.csv, first {min(cars - known)}")
