"""GPU: what one accelerator can hold, move and compute at best, and what it draws."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.link import Link
from hardware_profiles.profile import NotNegative, Positive, Profile

__all__ = ["GPU", "Precision"]

Precision = Literal["bf16", "fp8", "int8", "fp4"]
_SAME_UNITS = {
    "fp16": "bf16",
    "float16": "bf16",
    "bfloat16": "bf16",
    "nvfp4": "fp4",
    "mxfp4": "fp4",
}


class GPU(Profile):
    """One accelerator. Datasheet units in, SI units out; peaks are dense, never sparse.

    >>> h100 = GPU.named("h100-sxm")
    >>> h100.bytes_per_s
    3350000000000.0
    >>> h100.flops("fp8") / 1e12
    1979.0
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "gpus"

    vendor: str
    """Who makes it."""
    family: str
    """Generation of the chip: ampere, ada, hopper, blackwell, cdna3."""
    memory_gib: Positive
    """Memory that a program is given, as CUDA or ROCm report it [GiB].

    The reserve for ECC and the driver is off already, so that it is what a server's
    `gpu_memory_utilization` is a share of: 79.2 on an H100 sold as 80 GB.
    """
    marketing_gb: Positive | None = None
    """Memory on the box [GB], for recognising it."""
    bandwidth_gb_s: Positive
    """Peak of the device memory [1e9 byte/s]."""
    peak_tflops: dict[Precision, Positive]
    """Dense peak by precision [1e12 operation/s], a multiply-add counting two. fp16 is bf16."""
    link: Link
    """Way to the other GPUs of the same node."""
    tdp_w: Positive
    """Power limit [W]."""
    idle_w: NotNegative
    """Draw with nothing loaded [W]."""
    loaded_idle_w: NotNegative
    """Draw with a model loaded and nothing to do [W]: a CUDA context alone keeps the clocks up."""

    @property
    def memory_bytes(self) -> float:
        """Memory a program is given [byte]."""
        return self.memory_gib * 2**30

    @property
    def bytes_per_s(self) -> float:
        """Peak of the device memory [byte/s]."""
        return self.bandwidth_gb_s * 1e9

    def flops(self, precision: str) -> float:
        """Dense peak at a precision [operation/s].

        Raises
        ------
        InputError
            If the chip has no units for that precision; the message has those it has.
        """
        key = _SAME_UNITS.get(precision, precision)
        for known, tflops in self.peak_tflops.items():
            if known == key:
                return tflops * 1e12
        raise InputError(
            f"{self.name} has no {precision} units; it has {', '.join(self.peak_tflops)}"
        )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if "bf16" not in self.peak_tflops:
            raise InputError("peak_tflops: bf16 is needed, it is what every model falls back on")
        if not self.idle_w <= self.loaded_idle_w <= self.tdp_w:
            raise InputError(
                f"expected idle_w <= loaded_idle_w <= tdp_w, "
                f"found {self.idle_w} W, {self.loaded_idle_w} W, {self.tdp_w} W"
            )
        return self
