"""What the theory explainers show, computed by torch: functions, costs, optimizers, landscapes."""
