"""What the figures of benchmarks are made of."""
