"""What one GPU of an engine holds and reads: weights and cache bytes after the split."""

from typing import NamedTuple

from simulator.physics.layout import Layout
from simulator.physics.precision import KV_BYTES, PRECISIONS
from workloads.llm import LLM

__all__ = [
    "WeightBytes",
    "attention_flops_per_pair",
    "attention_layers",
    "kv_bytes_per_token",
    "weight_bytes",
]

# A window this short is read whole by every sequence; a longer one is taken for full attention,
# so that the cost of decoding stays affine in the context. [tokens]
SHORT_WINDOW = 1024


class WeightBytes(NamedTuple):
    """Bytes of weights in the memory of one GPU."""

    embedding: float
    """Looked up a row at a time, never read whole."""
    head: float
    """Output projection, on the last pipeline stage; the tied embedding where there is no other."""
    always: float
    """Read in every step: attention, dense and shared MLPs, router, norms."""
    experts: float
    """Read as far as tokens choose them."""
    other: float
    """Held, not read by text tokens."""

    @property
    def total(self) -> float:
        """All that is held."""
        return sum(self)


def weight_bytes(llm: LLM, layout: Layout, unpacking: float = 1.0) -> WeightBytes:
    """Bytes of weights on the fullest GPU of one engine. [byte]

    Linear layers are cut by tensor and pipeline parallelism; norms, and MLA's projections down to
    its latents, stay whole on every GPU; experts are cut over the data-parallel ranks as well where
    expert parallelism is on. Embedding and head stay in 16 bits whatever the quantisation.

    Parameters
    ----------
    unpacking : counts the bytes of 4-bit weights so many times, for the time it takes to read them.

    >>> m = LLM.named("llama-3.1-8b")
    >>> round(weight_bytes(m, Layout()).total / 1e9, 2)
    16.06
    """
    parts = llm.parameters
    tensor, pipeline = layout.tensor_parallel_size, layout.pipeline_parallel_size
    quantised = PRECISIONS[layout.weights_precision].weight_bytes
    if quantised < 1.0:
        quantised *= unpacking

    def each(part: str) -> float:
        return 2.0 if part in llm.unquantized else quantised

    cut = tensor * pipeline
    whole = _uncut_attention(llm)
    always = (
        each("attention") * ((parts.attention - whole) / cut + whole / pipeline)
        + each("mlp") * parts.mlp / cut
        + each("shared_experts") * parts.shared_experts / cut
        + 2.0 * (parts.router + parts.norms) / pipeline
    )
    return WeightBytes(
        embedding=2.0 * (parts.embedding if parts.head else 0) / tensor,
        head=2.0 * (parts.head or parts.embedding) / tensor,
        always=always,
        experts=each("experts") * parts.experts / (pipeline * layout.expert_gpus),
        other=2.0 * parts.other / tensor,
    )


def kv_bytes_per_token(llm: LLM, layout: Layout, num_layers: int | None = None) -> float:
    """Bytes that one token's keys and values take on one GPU, in so many layers. [byte]

    KV heads are cut by tensor parallelism until each GPU has one; MLA's latent is not cut.

    Parameters
    ----------
    num_layers : of the whole model; default all.
    """
    layers = llm.num_hidden_layers if num_layers is None else num_layers
    values = llm.kv_values_per_token(layers) / layout.pipeline_parallel_size
    if not llm.is_mla:
        values /= min(layout.tensor_parallel_size, llm.num_key_value_heads)
    return values * KV_BYTES[layout.kv_precision]


def attention_flops_per_pair(llm: LLM, full_layers: int, latent: bool) -> float:
    """FLOPs of one query and one key over the full layers: a dot product and a weighted sum.

    MLA decodes in its latent (`latent`) and prefills with the heads written out.
    """
    if not llm.is_mla:
        return 4.0 * full_layers * llm.num_attention_heads * llm.head_dim
    if latent:
        width = 2 * llm.kv_lora_rank + llm.qk_rope_head_dim
    else:
        width = llm.qk_nope_head_dim + llm.qk_rope_head_dim + llm.v_head_dim
    return 2.0 * full_layers * llm.num_attention_heads * width


def attention_layers(llm: LLM, max_model_len: int | None = None) -> tuple[int, int]:
    """Layers that read the whole context, and layers that read a short window.

    A model whose layers are all of the second kind is taken for one whose layers are all of the
    first: its cache is then larger than it need be, never smaller.

    Parameters
    ----------
    max_model_len : longest sequence served; a window beyond it is no window. [tokens]
    """
    local, window = llm.num_local_layers, llm.sliding_window
    if local in (0, llm.num_hidden_layers) or window is None or window > SHORT_WINDOW:
        return llm.num_hidden_layers, 0
    if max_model_len is not None and window >= max_model_len:
        return llm.num_hidden_layers, 0
    return llm.num_hidden_layers - local, local


def _uncut_attention(llm: LLM) -> int:
    """MLA's down-projections: every GPU needs the whole latent."""
    if not llm.is_mla:
        return 0
    down = llm.q_lora_rank + llm.kv_lora_rank + llm.qk_rope_head_dim
    return llm.num_hidden_layers * llm.hidden_size * down
