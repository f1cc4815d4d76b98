import torch

import dl_lab

torch.manual_seed(0)
points = torch.randn(640, 8)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
data = (points, points.sum(1, keepdim=True))
trainer = dl_lab.Trainer(
    model, torch.nn.MSELoss(), optimizer, data, batch_size=32, device="cpu", seed=0
)
widget = dl_lab.DataFlow(trainer)
trainer.fit(3)
