"""Random TensorFlow graphs, for scripts/random_graphs.py."""
