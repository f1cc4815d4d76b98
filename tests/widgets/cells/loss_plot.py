import torch

import dl_lab

torch.manual_seed(0)
points = torch.randn(256, 4)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
data = (points, points.sum(1, keepdim=True))
trainer = dl_lab.Trainer(
    model, torch.nn.MSELoss(), optimizer, data, batch_size=32, device="cpu", seed=0
)
trainer.fit(3)
widget = dl_lab.LossPlot(trainer)
