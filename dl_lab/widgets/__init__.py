"""Widgets: thin views on a Trainer, a module or data; one file each, no maths."""
