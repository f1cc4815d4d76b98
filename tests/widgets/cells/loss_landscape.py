import torch

import dl_lab
from dl_lab.data.toy import toy

torch.manual_seed(0)
data = toy("circle").train
points, targets = data[0], (data[1][:, None] + 1) / 2
model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
trainer = dl_lab.Trainer(
    model,
    torch.nn.BCEWithLogitsLoss(),
    torch.optim.Adam(model.parameters(), lr=0.03),
    (points, targets),
    callbacks=[dl_lab.callbacks.WeightPath()],
    batch_size=25,
    device="cpu",
    seed=0,
)
trainer.fit(20)
widget = dl_lab.LossLandscape(trainer)
