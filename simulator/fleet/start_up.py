"""Cold start: from asking for a replica to its first request."""

from __future__ import annotations

from hardware_profiles.profile import NotNegative, Positive
from hardware_profiles.value import Value

__all__ = ["StartUp"]


class StartUp(Value):
    """Provision, load weights, warm up; paying begins when the replica is asked for.

    >>> round(StartUp(provision_s=60, storage_gb_s=2, warm_up_s=20).seconds(16e9), 1)
    88.0
    """

    provision_s: NotNegative = 0.0
    """From asking to a machine that runs. [s]"""
    storage_gb_s: Positive | None = None
    """Bandwidth at which weights are read [1e9 byte/s]; none: they are there at once."""
    weights_gb: Positive | None = None
    """Size of the weights [1e9 byte]; none: what the model has at its precision."""
    warm_up_s: NotNegative = 0.0
    """Profiling, compiling and CUDA graphs after the weights are loaded. [s]"""

    def load_s(self, weight_bytes: float) -> float:
        """Time to read the weights, ``size / bandwidth``. [s]"""
        if self.storage_gb_s is None:
            return 0.0
        size = weight_bytes if self.weights_gb is None else self.weights_gb * 1e9
        return size / (self.storage_gb_s * 1e9)

    def restart_s(self, weight_bytes: float) -> float:
        """From a machine that runs to a replica that is ready. [s]"""
        return self.load_s(weight_bytes) + self.warm_up_s

    def seconds(self, weight_bytes: float) -> float:
        """From asking to ready. [s]"""
        return self.provision_s + self.restart_s(weight_bytes)
