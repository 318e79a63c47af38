"""Calibration: how near the roofline an engine comes on a GPU, with its measured error."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import Field

from hardware_profiles.profile import NotNegative, Profile, Text
from hardware_profiles.value import Value

__all__ = ["Calibration", "CalibrationError", "Chosen", "Nearness"]

Efficiency = Annotated[float, Field(gt=0, le=1)]
Nearness = Literal["gpu", "family", "generic", "given"]


class CalibrationError(Value):
    """How far the model was from what was measured, for one metric. [%]"""

    mean_ape_pct: NotNegative
    """Mean absolute percentage error on the runs of the fit."""
    median_ape_pct: NotNegative
    spread_pct: NotNegative
    """What to expect of a new run: root mean square of the logarithm of predicted over measured,
    on models that the fit had not seen where there are several, as a percentage."""
    leave_one_model_out_pct: NotNegative | None = None
    """Mean absolute percentage error on each model, fitted without it."""
    leave_one_gpu_out_pct: NotNegative | None = None
    """Mean absolute percentage error on each GPU, fitted without it."""


class Calibration(Profile):
    """Efficiencies and overheads of an engine version on a GPU, a GPU family, or any GPU.

    Written by ``servecast calibrate``. The defaults are an ideal machine: efficiencies of 1 and no
    overhead, so that the laws of the roofline hold to the last digit.
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "calibrations"

    engine: Text = "vllm"
    engine_version: Text = "any"
    gpu: Text | None = None
    """GPU it was measured on; absent where it is for a family or for all."""
    gpu_family: Text | None = None

    bandwidth_efficiency: Efficiency = 1.0
    """Share of the memory bandwidth that weights are read with."""
    kv_bandwidth_efficiency: Efficiency = 1.0
    """Share of the memory bandwidth that keys and values are read with."""
    compute_efficiency: Efficiency = 1.0
    """Share of the dense peak that matrix products reach."""
    narrow_compute_efficiency: Efficiency = 1.0
    """The same for products in 8 and 4 bits, as a share of that share: inputs are quantised first,
    and a peak that is twice as high is harder to reach."""
    expert_compute_efficiency: Efficiency = 1.0
    """The same for the products of routed experts, as a share of that share."""
    four_bit_efficiency: Efficiency = 1.0
    """Of the bandwidth that weights are read with, the share that 4-bit weights reach."""
    attention_efficiency: Efficiency = 1.0
    """Share of the 16-bit dense peak that prefill attention reaches."""
    link_efficiency: Efficiency = 1.0
    """Share of the link bandwidth that large messages reach."""
    direct_link_efficiency: Efficiency = 1.0
    """Share of it that small all-reduces reach, where every GPU reads from every other."""
    host_link_efficiency: Efficiency = 1.0
    """Share of a PCIe link's bandwidth that any all-reduce reaches: it goes through the host."""
    unoverlapped_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Of reading weights and computing with them, so much of the shorter adds to the longer."""
    query_head_rereads: Annotated[float, Field(ge=0, le=1)] = 0.0
    """In a step that computes prompt tokens too, how far decodes read the cache once per query head
    and not once per KV head: 0 for kernels that pack grouped queries (Hopper), up to 1."""
    expert_padding_tokens: NotNegative = 0.0
    """Rows that the kernel of the experts computes for each expert beside those of its tokens: it
    works in tiles, and the last tile of each expert is partly empty. [tokens]"""
    token_diversity: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Tokens of a batch that choose experts independently, as a share of all but the first."""

    step_overhead_us: NotNegative = 0.0
    """Every step. [µs]"""
    layer_overhead_us: NotNegative = 0.0
    """Every layer of every step: launches, norms, rotary embedding. [µs]"""
    moe_layer_overhead_us: NotNegative = 0.0
    """More of it for a layer with experts: routing, permutation. [µs]"""
    collective_overhead_us: NotNegative = 0.0
    """Every all-reduce, beside the link's own latency: launch and synchronisation. [µs]"""
    relay_overhead_us: NotNegative = 0.0
    """More of it where a large message goes in two rounds. [µs]"""
    host_overhead_us: NotNegative = 0.0
    """Every all-reduce over PCIe, in place of those two. [µs]"""
    quantized_layer_overhead_us: NotNegative = 0.0
    """More of it where activations are quantised too (fp8, int8, nvfp4). [µs]"""
    sequence_overhead_us: NotNegative = 0.0
    """Every sequence of a step: its place in the batch. [µs]"""
    sort_bytes: NotNegative = 0.0
    """Memory traffic per sequence and vocabulary entry, where top-p or top-k sorts the logits; at
    the full bandwidth. [byte]"""
    mixed_step_overhead_us: NotNegative = 0.0
    """A step that computes prompt tokens and so cannot run as one CUDA graph. [µs]"""
    cpu_step_us: NotNegative = 0.0
    """Work of the scheduling process per step; overlaps with the GPU's. [µs]"""
    cpu_sequence_us: NotNegative = 0.0
    """More of it per sequence. [µs]"""
    expert_compile_s: NotNegative = 0.0
    """Once for each size of prompt batch, where a server that has just started compiles the kernel
    of its experts for it. [s]"""
    api_overhead_ms: NotNegative = 0.0
    """Before a request is queued: HTTP, tokenising. Part of TTFT and E2E as a client sees. [ms]"""
    api_token_us: NotNegative = 0.0
    """Streaming one token back to the client. [µs]"""

    num_experiments: Annotated[int, Field(ge=0)] = 0
    """Measured experiments behind the numbers."""
    errors: dict[Text, CalibrationError] = {}
    """By metric: ``tpot``, ``e2e_mean``, ``ttft_mean``, ``e2e_p99``."""

    @classmethod
    def ideal(cls) -> Self:
        """The roofline itself: efficiencies 1, overheads 0."""
        return cls.parse(
            {"name": "ideal", "source": "definition", "checked": "2026-11-22", "confidence": "A"}
        )

    @classmethod
    def choose(cls, gpu: str, family: str, engine: str = "vllm") -> "Chosen":
        """Nearest calibration on the shelf: the GPU's own, its family's, or the generic one.

        Parameters
        ----------
        gpu, family : name and family of the GPU.
        engine : the engine's name.
        """
        entries = [cls.named(name) for name in cls.names()]
        mine = [entry for entry in entries if entry.engine == engine] or entries
        for entry in mine:
            if entry.gpu == gpu:
                return Chosen(entry, "gpu")
        for entry in mine:
            if entry.gpu is None and entry.gpu_family == family:
                return Chosen(entry, "family")
        for entry in mine:
            if entry.gpu is None and entry.gpu_family is None:
                return Chosen(entry, "generic")
        return Chosen(cls.ideal(), "generic")


class Chosen(NamedTuple):
    """A calibration, and how near to the GPU it was measured."""

    calibration: Calibration
    nearness: Nearness
