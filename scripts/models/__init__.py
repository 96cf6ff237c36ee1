"""The models of scripts/keras_models.py; each file has a family."""

from models import attention, detection, functions, layers, other, sequence, signal, version1, vision
from models.model import MODELS

__all__ = ["MODELS", "attention", "detection", "functions", "layers", "other", "sequence", "signal", "version1", "vision"]
