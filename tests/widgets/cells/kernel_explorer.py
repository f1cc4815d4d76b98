import torch

import dl_lab

torch.manual_seed(0)
widget = dl_lab.KernelExplorer(layer=torch.nn.Conv2d(3, 8, 3, padding=1))
