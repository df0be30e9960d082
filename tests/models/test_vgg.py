"""VGG: unpooling undoes pooling."""

import torch
from torch import nn

from models.vgg import unpool


def test_unpooling_puts_maxima_back_where_they_were():
    x = torch.randn(2, 3, 6, 10).contiguous(memory_format=torch.channels_last)
    pooled, indices = nn.functional.max_pool2d(x, 2, return_indices=True)
    grown = nn.functional.interpolate(pooled, scale_factor=2)
    assert torch.equal(unpool(pooled, indices), torch.where(x == grown, x, 0))
