"""The figures of each epoch for TensorBoard, an optional package."""

from pathlib import Path

from bench.system.disk import writing
from bench.system.environment import lacks_extra


def check_tensorboard() -> None:
    """Refuse `--tensorboard` where the package is not installed.

    Raises:
        Missing: the package tensorboard is not installed.
    """
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise lacks_extra("--tensorboard", "tensorboard") from error


def write_scalars(folder: Path, step: int, values: dict[str, float]) -> None:
    """Add the values of an epoch to a folder that TensorBoard reads.

    Raises:
        Missing: the package tensorboard is not installed.
        BenchError: the disk is full or fails.
    """
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    with (
        writing(folder),
        SummaryWriter(str(folder), purge_step=step) as writer,  # type: ignore[no-untyped-call]
    ):
        for name, value in values.items():
            writer.add_scalar(name, value, step)  # type: ignore[no-untyped-call]
