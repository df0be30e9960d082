"""OpenVINO's networks and loading them, from several threads at once."""

import gc
import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from bench.networks.engines.openvino import Converted, convert
from bench.networks.engines.quiet import silencing
from models import networks
from tests.smallest import SMALLEST


def test_threads_that_share_a_network_get_the_logits_of_their_own_images(tmp_path):
    pytest.importorskip("openvino")
    network = networks.build("autoencoder", SMALLEST["autoencoder"]).eval()
    convert(network, (32, 48), tmp_path)
    converted = Converted(tmp_path, network.stride, bf16=False)
    images = torch.rand(4, 1, 3, 32, 48)
    alone = [converted(image) for image in images]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda k: converted(images[k % 4]), range(200)))
    assert all(torch.equal(logits, alone[k % 4]) for k, logits in enumerate(found))


def test_signals_are_heard_after_networks_were_freed_in_the_order_of_their_making(tmp_path):
    """An engine for each would have left a handler's stack that is gone: a segmentation fault."""
    pytest.importorskip("openvino")
    network = networks.build("autoencoder", SMALLEST["autoencoder"]).eval()
    convert(network, (32, 48), tmp_path)
    made = [Converted(tmp_path, network.stride, bf16=False) for _ in range(2)]
    for each in made:
        each(torch.rand(1, 3, 32, 48))
    del each
    while made:
        del made[0]
        gc.collect()
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]


def test_quiet_threads_leave_the_program_as_loud_as_it_was():
    def quiet(_):
        with silencing():
            print("nothing of this")
            logging.getLogger().warning("or this")

    before = sys.stdout
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(quiet, range(400)))
    assert sys.stdout is before and logging.root.manager.disable == logging.NOTSET
