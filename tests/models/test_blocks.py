"""Blocks that networks share."""

import torch

from models.blocks import foreground_logit


def test_two_classes_and_their_difference_say_the_same():
    classes = torch.randn(2, 2, 3, 5)
    softmax = torch.softmax(classes, dim=1)[:, 1:]
    torch.testing.assert_close(torch.sigmoid(foreground_logit(classes)), softmax)
