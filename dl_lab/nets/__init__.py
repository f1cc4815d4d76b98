"""Networks as data, and as PyTorch modules."""

from dl_lab.nets.lenet import lenet5
from dl_lab.nets.nn_vis import nn_vis_cnn, nn_vis_mlp
from dl_lab.nets.vgg import tiny_vgg

__all__ = ["lenet5", "nn_vis_cnn", "nn_vis_mlp", "tiny_vgg"]
