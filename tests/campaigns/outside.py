"""Score an entry in the studio and before other pictures: held-out cars, cut out by true masks.

    python -m tests.campaigns.outside RUN ENTRY --data DIR --pictures DIR [--every 4]

Prints the mean Dice of each, the worst before a picture, and the share of 0.95 or more.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from bench.config.machine import Machine
from bench.cutout.export import manifest_of
from bench.cutout.matting import foreground
from bench.cutout.model import Model
from bench.data.folds import in_fold, read_folds
from bench.data.images import read_image
from bench.metrics.overlap import counts, dice
from bench.own.opening import open_data
from bench.training.backgrounds.scene import picture_files

EDGE_BLUR = 0.8  # pixels, standard deviation, as the edge of a photograph has


def before(photo, truth, picture):
    """A photograph's car before a picture of any size."""
    alpha = cv2.GaussianBlur(truth.astype(np.uint8) * 255, (0, 0), EDGE_BLUR)
    share = alpha[..., None].astype(np.float32) / 255
    behind = cv2.resize(picture, truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return (share * foreground(photo, alpha) + (1 - share) * behind + 0.5).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("entry")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True, help="of which training saw none")
    parser.add_argument("--every", type=int, default=4, help="use every n-th held-out photograph")
    given = parser.parse_args()
    data, files = open_data(given.data), picture_files(given.pictures)
    heldout = in_fold(sorted(data.train), read_folds(given.run / "folds.csv"), 0)[:: given.every]
    model = Model(given.run, manifest_of(given.run, given.entry), Machine("cpu"))
    scores = []
    for place, image in enumerate(heldout):
        photo, truth = read_image(data.train[image]), data.mask(image)
        other = before(photo, truth, read_image(files[7 * place % len(files)]))
        found = [model.merge(model.maps([shown])[0]) >= 128 for shown in (photo, other)]
        scores.append([dice(counts(mask, truth)) for mask in found])
    studio, outside = np.array(scores).T
    print(
        f"{given.entry}, {len(scores)} photographs: in the studio {studio.mean():.6f}, "
        f"before other pictures {outside.mean():.4f}, worst {outside.min():.3f}, "
        f"{(outside >= 0.95).mean():.0%} of 0.95 or more"
    )


if __name__ == "__main__":
    main()
