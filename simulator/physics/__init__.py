"""Physics: pure functions of numbers, scalars or arrays alike; no clock, no file, no money."""
