"""Precision: what a number format does to bytes and to the peak that computes with it."""

from collections.abc import Mapping
from typing import NamedTuple

from hardware_profiles.gpu import GPU

__all__ = ["KV_BYTES", "PRECISIONS", "Precision", "peak_flops"]


class Precision(NamedTuple):
    """Bytes of one weight, scales included, and the formats it may be computed in."""

    weight_bytes: float
    compute: tuple[str, ...]
    """Keys of a GPU's peaks in order of preference; the last, bf16, dequantises first."""

    @property
    def quantizes_activations(self) -> bool:
        """Whether products are computed in a narrow format, and inputs brought to it first."""
        return self.compute[0] != "bf16"


# Scales: int4 has a 16-bit scale and a 4-bit zero per 128 weights (AWQ, GPTQ); nvfp4 an 8-bit scale
# per 16; mxfp4 an 8-bit scale per 32. Those of fp8 and int8 are per channel and vanish.
PRECISIONS: Mapping[str, Precision] = {
    "bf16": Precision(2.0, ("bf16",)),
    "fp8": Precision(1.0, ("fp8", "bf16")),
    "int8": Precision(1.0, ("int8", "bf16")),
    "int4": Precision(0.5 + 20 / 8 / 128, ("bf16",)),
    "nvfp4": Precision(0.5 + 1 / 16, ("fp4", "bf16")),
    "mxfp4": Precision(0.5 + 1 / 32, ("bf16",)),
}
KV_BYTES: Mapping[str, float] = {"bf16": 2.0, "fp8": 1.0}


def peak_flops(gpu: GPU, precision: str) -> float:
    """Dense peak of the format that weights of a precision are computed in. [FLOP/s]

    A GPU without the format reads the smaller weights and computes in 16 bits.

    Parameters
    ----------
    gpu : with its dense peaks.
    precision : a key of `PRECISIONS`.

    >>> peak_flops(GPU.named("a100-80gb"), "fp8") / 1e12
    312.0
    """
    formats = PRECISIONS[precision].compute
    return gpu.flops(next((key for key in formats if key in gpu.peak_tflops), "bf16"))
