"""A vLLM ``config.yaml`` as it is: its spellings, and its keys that a simulation has no use for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from hardware_profiles.errors import InputError

__all__ = ["WITHOUT_EFFECT", "plain"]

_NO_PART_IN_SCHEDULING = """
allow_credentials allowed_headers allowed_local_media_path allowed_media_domains allowed_methods
allowed_origins api_key api_server_count attention_backend chat_template
chat_template_content_format code_revision collect_detailed_traces compilation_config
config_format convert default_chat_template_kwargs disable_access_log_for_endpoints
disable_cascade_attn disable_custom_all_reduce disable_fastapi_docs disable_frontend_multiprocessing
disable_log_requests disable_log_stats disable_sliding_window distributed_executor_backend
download_dir dtype enable_auto_tool_choice enable_force_include_usage enable_log_outputs
enable_log_requests enable_offline_docs enable_prompt_tokens_details enable_request_id_headers
enable_return_routed_experts enable_server_load_tracking enable_sleep_mode enable_ssl_refresh
enable_tokenizer_info_endpoint exclude_tools_when_tool_choice_none generation_config
guided_decoding_backend h11_max_header_count h11_max_incomplete_event_size headless
hf_config_path hf_overrides hf_token host ignore_patterns interleave_mm_strings
io_processor_plugin json_schema_extra kv_events_config limit_mm_per_prompt load_format
log_config_file log_error_stack logits_processor_pattern logits_processors logprobs_mode
lora_modules max_log_len max_logprobs max_parallel_loading_workers max_seq_len_to_capture
media_io_kwargs middleware mm_encoder_attn_backend mm_encoder_tp_mode mm_processor_cache_gb
mm_processor_kwargs model model_impl model_loader_extra_config model_tag observability_config
optimization_level otlp_traces_endpoint override_attention_dtype override_generation_config
pooler_config port prefix_caching_hash_algo profiler_config pt_load_map_location
quantization_config reasoning_config reasoning_parser reasoning_parser_plugin response_role
return_tokens_as_token_ids revision root_path runner safetensors_load_strategy seed
served_model_name show_hidden_metrics_for_version skip_mm_profiling skip_tokenizer_init
ssl_ca_certs ssl_cert_reqs ssl_certfile ssl_ciphers ssl_keyfile stream_interval
structured_outputs_config task tokenizer tokenizer_mode tokenizer_revision tokens_only
tool_call_parser tool_parser_plugin tool_server trust_remote_code uds
use_tqdm_on_load use_tqdm_on_load uvicorn_log_level video_pruning_rate worker_cls
worker_extension_cls
"""

_NOT_SIMULATED = """
additional_config all2all_backend block_size_per_layer calculate_kv_scales cpu_offload_gb
cuda_graph_sizes cudagraph_capture_sizes cudagraph_metrics data_parallel_address
data_parallel_backend data_parallel_external_lb data_parallel_hybrid_lb data_parallel_rank
data_parallel_rpc_port data_parallel_size_local data_parallel_start_rank dbo_decode_token_threshold
dbo_prefill_token_threshold dcp_kv_cache_interleave_size decode_context_parallel_size
disable_chunked_mm_input disable_hybrid_kv_cache_manager disable_nccl_for_dp_synchronization
ec_transfer_config enable_dbo enable_eplb enable_lora enable_lora_bias enable_mm_embeds
enable_prompt_embeds eplb_config expert_placement_strategy fully_sharded_loras kv_cache_memory_bytes
kv_offloading_backend kv_offloading_size kv_sharing_fast_prefill kv_transfer_config
long_lora_scaling_factors lora_dtype lora_extra_vocab_size mamba_block_size mamba_cache_dtype
mamba_ssm_cache_dtype master_addr master_port max_cpu_loras max_long_partial_prefills max_lora_rank
max_loras max_num_partial_prefills nnodes node_rank num_lookahead_slots numa_bind preemption_mode
prefill_context_parallel_size ray_workers_use_nsight rope_scaling rope_theta scheduler_cls
scheduler_delay_factor specialize_active_lora swap_space ubatch_size
"""

WITHOUT_EFFECT: Final = frozenset(_NO_PART_IN_SCHEDULING.split() + _NOT_SIMULATED.split())
"""Keys passed over. The second list would change a real server; docs/design/what-we-leave-out.md
says so. ``dtype`` is 16 bits whatever it says: weights are the matter of ``quantization``."""

_SIZES = {"k": 10**3, "m": 10**6, "g": 10**9, "K": 2**10, "M": 2**20, "G": 2**30}
_SIZED = {"max_model_len", "max_num_batched_tokens", "max_num_seqs", "long_prefill_token_threshold"}


def plain(data: Mapping[Any, Any]) -> dict[str, Any]:
    """Keys with underscores; ``no-…`` turned round, JSON read, ``8k`` counted, the rest left out.

    Raises
    ------
    InputError
        If a key is there twice, once with hyphens.

    >>> plain({"max-model-len": "8k", "no-enable-prefix-caching": True, "port": 8000})
    {'max_model_len': 8000, 'enable_prefix_caching': False}
    """
    found: dict[str, Any] = {}
    for written, value in data.items():
        key = str(written).replace("-", "_")
        if key.startswith("no_enable_") and isinstance(value, bool):
            key, value = key.removeprefix("no_"), not value
        if key in found:
            raise InputError(f"{written}: given twice, with hyphens and with underscores")
        found[key] = _read(key, value)
    return {key: value for key, value in found.items() if key not in WITHOUT_EFFECT}


def _read(key: str, value: Any) -> Any:
    """A value as vLLM's command line reads it."""
    if not isinstance(value, str):
        return value
    if key.endswith("_config") and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise InputError(f"{key}: not JSON: {error}") from None
    sized = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmMgG])", value) if key in _SIZED else None
    return int(float(sized[1]) * _SIZES[sized[2]]) if sized else value
