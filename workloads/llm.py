"""LLM: the shape of a model, and the parameters that follow from it."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.profile import Profile

__all__ = ["LLM", "LayerType", "Parameters", "WeightsPrecision"]

Count = Annotated[int, Field(ge=1, le=10**9)]
OptionalCount = Annotated[int, Field(ge=0, le=10**9)]
LayerType = Literal["full_attention", "sliding_attention", "chunked_attention"]
WeightsPrecision = Literal["bf16", "fp8", "int8", "int4", "nvfp4", "mxfp4"]
Part = Literal["attention", "mlp", "experts", "shared_experts"]


class Parameters(NamedTuple):
    """Number of weights by part; what a token passes through is less where there are experts."""

    embedding: int
    head: int
    attention: int
    mlp: int
    experts: int
    shared_experts: int
    router: int
    norms: int
    other: int

    @property
    def total(self) -> int:
        """All weights, a tied head counted once."""
        return sum(self)


class LLM(Profile):
    """Architecture of a model, under the names of a Hugging Face ``config.json``."""

    shelf: ClassVar[Path] = Path(__file__).parent / "llms"

    num_hidden_layers: Annotated[int, Field(ge=1, le=1000)]
    hidden_size: Count
    intermediate_size: OptionalCount
    """Width of a dense layer's MLP; 0 where every layer has experts."""
    gated_mlp: bool = True
    """Whether an MLP has three matrices (gate, up, down) or two."""
    num_attention_heads: Count
    num_key_value_heads: Count
    head_dim: Count
    vocab_size: Count
    tie_word_embeddings: bool = False
    max_position_embeddings: Count

    num_experts: OptionalCount = 0
    num_experts_per_tok: OptionalCount = 0
    moe_intermediate_size: OptionalCount = 0
    num_shared_experts: OptionalCount = 0
    shared_expert_intermediate_size: OptionalCount = 0
    """Width of all shared experts together; 0 where there are none."""
    first_k_dense_replace: OptionalCount = 0
    """So many first layers are dense though the others have experts."""
    moe_layer_freq: Count = 1
    """After those, every so-manyth layer has experts."""

    kv_lora_rank: OptionalCount = 0
    """Width of the latent of multi-head latent attention (MLA); 0: ordinary attention."""
    q_lora_rank: OptionalCount = 0
    qk_nope_head_dim: OptionalCount = 0
    qk_rope_head_dim: OptionalCount = 0
    v_head_dim: OptionalCount = 0

    sliding_window: Count | None = None
    """Tokens a sliding or chunked layer looks back at."""
    layer_types: tuple[LayerType, ...] = ("full_attention",)
    """Attention of the layers in order; a shorter pattern repeats."""

    sorts_logits: bool = False
    """Whether its ``generation_config.json`` sets top-p or top-k: the server then applies that to
    every request that says nothing else, and sorts the whole vocabulary to do so."""
    weights_precision: WeightsPrecision = "bf16"
    """Precision of the published checkpoint."""
    unquantized: tuple[Part, ...] = ()
    """Parts that quantised checkpoints of this model keep in 16 bits."""
    other_parameters: Annotated[int, Field(ge=0, le=10**12)] = 0
    """Weights in memory that a text token does not pass through, such as a vision tower."""
    encoder_peak_gib: Annotated[float, Field(ge=0)] = 0.0
    """Memory that the server sets aside to run such an encoder, per GPU. [GiB]"""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.num_attention_heads % self.num_key_value_heads:
            raise InputError(
                f"num_attention_heads {self.num_attention_heads} is no multiple of "
                f"num_key_value_heads {self.num_key_value_heads}"
            )
        if self.num_experts and not (self.num_experts_per_tok and self.moe_intermediate_size):
            raise InputError(
                "num_experts needs num_experts_per_tok and moe_intermediate_size beside it"
            )
        if self.num_experts_per_tok > self.num_experts:
            raise InputError(
                f"num_experts_per_tok {self.num_experts_per_tok} is more than "
                f"num_experts {self.num_experts}"
            )
        if self.first_k_dense_replace > self.num_hidden_layers:
            raise InputError(
                f"first_k_dense_replace {self.first_k_dense_replace} is more than "
                f"num_hidden_layers {self.num_hidden_layers}"
            )
        if self.num_dense_layers and not self.intermediate_size:
            raise InputError("intermediate_size must be above 0: the model has dense layers")
        if self.kv_lora_rank and not (
            self.qk_rope_head_dim and self.qk_nope_head_dim and self.v_head_dim
        ):
            raise InputError(
                "kv_lora_rank needs qk_nope_head_dim, qk_rope_head_dim and v_head_dim beside it"
            )
        if self.num_local_layers and self.sliding_window is None:
            raise InputError("layer_types names local layers, so sliding_window must be given")
        if len(self.layer_types) > self.num_hidden_layers or not self.layer_types:
            raise InputError(
                f"layer_types has {len(self.layer_types)} entries, expected 1 to "
                f"{self.num_hidden_layers} (num_hidden_layers)"
            )
        return self

    @classmethod
    def from_hf_config(cls, config: dict[str, Any], **about: Any) -> Self:
        """Read a Hugging Face ``config.json``; see `workloads.hf_config`.

        Parameters
        ----------
        config : what the file holds, parsed.
        about : name, source, checked, confidence and what else the entry should say.

        Raises
        ------
        InputError
            If a key that the shape depends on is missing or wrong.
        """
        from workloads.hf_config import read_hf_config

        return cls.parse({**read_hf_config(config), **about})

    @property
    def num_moe_layers(self) -> int:
        """Layers with routed experts."""
        if not self.num_experts:
            return 0
        return (self.num_hidden_layers - self.first_k_dense_replace) // self.moe_layer_freq

    @property
    def num_dense_layers(self) -> int:
        """Layers with an ordinary MLP."""
        return self.num_hidden_layers - self.num_moe_layers

    @property
    def num_local_layers(self) -> int:
        """Layers whose attention looks back a window only."""
        pattern = self.layer_types or ("full_attention",)
        return sum(
            pattern[layer % len(pattern)] != "full_attention"
            for layer in range(self.num_hidden_layers)
        )

    @property
    def is_mla(self) -> bool:
        """Whether attention keeps one latent per token in place of keys and values."""
        return self.kv_lora_rank > 0

    @property
    def attention_parameters_per_layer(self) -> int:
        """Weights of one layer's projections, MLA's low-rank ones included."""
        hidden, heads = self.hidden_size, self.num_attention_heads
        if not self.is_mla:
            return hidden * self.head_dim * 2 * (heads + self.num_key_value_heads)
        query_dim = heads * (self.qk_nope_head_dim + self.qk_rope_head_dim)
        query = self.q_lora_rank * (hidden + query_dim) if self.q_lora_rank else hidden * query_dim
        latent = hidden * (self.kv_lora_rank + self.qk_rope_head_dim)
        expanded = self.kv_lora_rank * heads * (self.qk_nope_head_dim + self.v_head_dim)
        return query + latent + expanded + heads * self.v_head_dim * hidden

    @property
    def parameters(self) -> Parameters:
        """Number of weights, part by part.

        >>> round(LLM.named("llama-3.1-8b").parameters.total / 1e9, 2)
        8.03
        """
        hidden, moe = self.hidden_size, self.num_moe_layers
        matrices = 3 if self.gated_mlp else 2
        return Parameters(
            embedding=self.vocab_size * hidden,
            head=0 if self.tie_word_embeddings else self.vocab_size * hidden,
            attention=self.num_hidden_layers * self.attention_parameters_per_layer,
            mlp=self.num_dense_layers * matrices * hidden * self.intermediate_size,
            experts=moe * self.num_experts * matrices * hidden * self.moe_intermediate_size,
            shared_experts=moe * matrices * hidden * self.shared_expert_intermediate_size,
            router=moe * hidden * self.num_experts,
            norms=(2 * self.num_hidden_layers + 1) * hidden,
            other=self.other_parameters,
        )

    @property
    def active_parameters(self) -> int:
        """Weights that one token passes through: its experts only, and no encoder's.

        >>> round(LLM.named("mixtral-8x7b").active_parameters / 1e9, 1)
        12.9
        """
        parts = self.parameters
        if not self.num_experts:
            return parts.total - parts.other
        chosen = parts.experts * self.num_experts_per_tok // self.num_experts
        return parts.total - parts.other - parts.experts + chosen

    def kv_values_per_token(self, num_layers: int | None = None) -> int:
        """Numbers that one token leaves in the KV cache of so many layers (default: all).

        Keys and values of every KV head, or MLA's latent.

        >>> LLM.named("llama-3.1-8b").kv_values_per_token()
        65536
        """
        layers = self.num_hidden_layers if num_layers is None else num_layers
        if self.is_mla:
            return layers * (self.kv_lora_rank + self.qk_rope_head_dim)
        return layers * 2 * self.num_key_value_heads * self.head_dim
