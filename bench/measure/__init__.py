"""What the probes share: a cell's model and rows, what is minimised, metrics, devices."""
