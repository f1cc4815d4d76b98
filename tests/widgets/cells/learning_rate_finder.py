import torch

import dl_lab

torch.manual_seed(1)
targets = torch.randint(0, 4, (400,))
points = 2 * torch.randn(4, 16)[targets] + torch.randn(400, 16)
model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loss = torch.nn.functional.cross_entropy
data = (points, targets)
trainer = dl_lab.Trainer(
    model, loss, optimizer, data, batch_size=40, device="cpu", seed=1, name="clouds"
)
widget = dl_lab.lr_find(trainer)
