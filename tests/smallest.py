"""Options that make each network small enough for a test."""

from models import networks

LEARNING = [name for name in networks.NETWORKS if name != "otsu_watershed"]


SMALLEST = {  # options that make each network small enough for a test
    "autoencoder": {"skips": True},
    "deep_unet": {},
    "edge_unet": {"width": 8, "depth": 1},
    "extractnet": {
        "encoder": "tu-test_efficientnet",
        "layers": 7,
        "skips": True,
        "norm": True,
        "activation": "prelu",
        "pretrained": False,
    },
    "maskingnet": {"coordinates": "middle", "dilation": 2, "pretrained": False},
    "otsu_watershed": {},
    "residual_unet": {
        "encoder": "tu-test_efficientnet",
        "combine": "add",
        "middle": 64,
        "pretrained": False,
    },
    "segnet": {"pretrained": False},
    "unet": {"pretrained": False},
    "vgg_unet": {"pretrained": False},
    "zoo": {"decoder": "unet", "encoder": "tu-test_efficientnet", "pretrained": False},
}
