"""Step-time models: what a scenario may name to turn a step's work into seconds."""

from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from hardware_profiles.calibration import Calibration, Chosen
from hardware_profiles.gpu import GPU
from hardware_profiles.profile import NotNegative
from hardware_profiles.value import Value
from simulator.physics.certainty import Certainty, certainty
from simulator.physics.costs import StepCosts, step_costs
from simulator.physics.layout import Layout
from simulator.physics.load import StepLoad, step_load
from simulator.physics.number import over
from simulator.physics.step_time import decode_line, step_seconds, step_shares
from simulator.physics.warm_up import WarmUp
from simulator.physics.work import DecodeLine, StepShares, StepWork
from workloads.llm import LLM

__all__ = ["Linear", "Roofline", "RooflineStep", "Silicon", "StepTime", "StepTimeModel"]


class StepTime(Protocol):
    """A step-time model bound to one engine: what the replica calls."""

    def seconds(self, work: StepWork) -> Any:
        """Time of a step. [s] Scalars in, float out; arrays in, array out."""

    def decode_line(self, decode_seqs: int) -> DecodeLine:
        """Time of a decode-only step as a line in its total context, apart from one floor."""

    def shares(self, work: StepWork) -> StepShares:
        """How the seconds divide over the work; summed up they are `seconds`."""

    def load(self, work: StepWork) -> StepLoad:
        """FLOPs and bytes of each GPU."""

    @property
    def client_overhead(self) -> tuple[float, float]:
        """Seconds the API server adds before a request is queued, and per token it sends back."""

    @property
    def certainty(self) -> Certainty:
        """Which calibration it rests on, and the error to expect of it."""


class Linear(Value):
    """Four given coefficients, whatever the hardware: for tests, theory and measured engines."""

    kind: Literal["linear"] = "linear"
    c0: NotNegative
    """Every step. [s]"""
    c_tok: NotNegative = 0.0
    """Every new token, prompt or generated. [s]"""
    c_ctx: NotNegative = 0.0
    """Every token of context. [s]"""
    c_seq: NotNegative = 0.0
    """Every sequence. [s]"""

    @property
    def client_overhead(self) -> tuple[float, float]:
        """None: the coefficients are the engine's alone."""
        return 0.0, 0.0

    @property
    def certainty(self) -> Certainty:
        """Nothing is measured: the coefficients are what somebody wrote."""
        return Certainty("given", False, "step times are given by a linear model", {})

    def bind(self, llm: LLM, gpu: GPU, layout: Layout) -> StepTime:
        """Return itself: the coefficients are given."""
        return self

    def seconds(self, work: StepWork) -> Any:
        """``c0 + c_tok·tokens + c_ctx·context + c_seq·sequences``. [s]

        >>> Linear(c0=0.01, c_tok=1e-4).seconds(StepWork(prefill_tokens=100, prefill_seqs=1))
        0.02
        """
        return (
            self.c0
            + self.c_tok * (work.prefill_tokens + work.decode_seqs)
            + self.c_ctx * (work.prefill_context + work.decode_context)
            + self.c_seq * (work.prefill_seqs + work.decode_seqs)
        )

    def decode_line(self, decode_seqs: int) -> DecodeLine:
        """The same as a line in the context of a decode-only step."""
        constant = self.c0 + (self.c_tok + self.c_seq) * decode_seqs
        return DecodeLine(constant, self.c_ctx, 0.0)

    def shares(self, work: StepWork) -> StepShares:
        """Exact Shapley value of a linear game: ``c0`` equally, the rest to who causes it."""
        seqs = work.prefill_seqs + work.decode_seqs
        return StepShares(
            per_seq_s=self.c_seq + over(self.c0, seqs),
            per_prefill_token_s=self.c_tok
            + self.c_ctx * over(work.prefill_context, work.prefill_tokens),
            per_prefill_pair_s=0.0 * seqs,
            per_decode_token_s=self.c_tok + 0.0 * seqs,
            per_context_s=self.c_ctx + 0.0 * seqs,
        )

    def load(self, work: StepWork) -> StepLoad:
        """Nothing is known of FLOPs and bytes: zeros."""
        return StepLoad(0.0 * work.decode_seqs, 0.0 * work.decode_seqs)


class Roofline(Value):
    """Physics of the model on the GPU, with the efficiencies and overheads of a calibration."""

    kind: Literal["roofline"] = "roofline"
    calibration: Calibration | None = None
    """Default: the nearest on the shelf to the scenario's GPU."""
    cold: bool = False
    """The server has just started: its experts' kernels are compiled as prompts come (one replica's
    worth; see `simulator.physics.warm_up`)."""

    def bind(self, llm: LLM, gpu: GPU, layout: Layout) -> "RooflineStep":
        """Unit costs of this engine, worked out once."""
        chosen = (
            Chosen(self.calibration, "given")
            if self.calibration is not None
            else Calibration.choose(gpu.name, gpu.family)
        )
        warm_up = WarmUp(llm, layout, chosen.calibration) if self.cold else None
        return RooflineStep(llm, gpu, layout, chosen, warm_up)


class Silicon(Value):
    """Measured operator times, for the models and GPUs they are known of; needs ``[silicon]``."""

    kind: Literal["silicon"] = "silicon"

    def bind(self, llm: LLM, gpu: GPU, layout: Layout) -> StepTime:
        """Tables of this engine, compiled once.

        Raises
        ------
        InputError
            If the extra is not installed, or has no tables for the model on the GPU.
        """
        from simulator.physics.silicon_step import SiliconStep

        return SiliconStep(llm, gpu, layout)


class RooflineStep:
    """The roofline of one engine; remembers its calibration, and how near that was measured."""

    def __init__(
        self, llm: LLM, gpu: GPU, layout: Layout, chosen: Chosen, warm_up: WarmUp | None = None
    ) -> None:
        self.llm, self.gpu, self.layout = llm, gpu, layout
        self.warm_up = warm_up
        self.calibration, self.nearness = chosen
        self.costs: StepCosts = step_costs(llm, gpu, layout, chosen.calibration)

    @property
    def client_overhead(self) -> tuple[float, float]:
        """Of the calibration: before a request is queued, and per token. [s]"""
        return self.calibration.api_overhead_ms / 1e3, self.calibration.api_token_us / 1e6

    @property
    def certainty(self) -> Certainty:
        """Which calibration it rests on, how near it was measured, the error to expect of it."""
        return certainty(Chosen(self.calibration, self.nearness), self.gpu.name)

    def seconds(self, work: StepWork) -> Any:
        """Time of a step; see `simulator.physics.step_time.step_seconds`. [s]"""
        if self.warm_up is not None:
            return step_seconds(work, self.costs) + self.warm_up.stall_s(work)
        return step_seconds(work, self.costs)

    def decode_line(self, decode_seqs: int) -> DecodeLine:
        """Time of a decode-only step as a line in its total context, apart from one floor."""
        return decode_line(decode_seqs, self.costs)

    def shares(self, work: StepWork) -> StepShares:
        """How the seconds divide over the work, by the resource that binds."""
        return step_shares(work, self.costs)

    def load(self, work: StepWork) -> StepLoad:
        """FLOPs and bytes of each GPU, for its utilisation and its watts."""
        return step_load(work, self.llm, self.layout)


StepTimeModel = Annotated[Linear | Roofline | Silicon, Field(discriminator="kind")]
