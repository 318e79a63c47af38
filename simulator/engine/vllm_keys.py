"""Keys of a vLLM ``config.yaml`` that change nothing a simulation looks at, and are passed over."""

from typing import Final

_KEYS = """
allow_credentials allowed_headers allowed_methods allowed_origins api_key api_server_count
chat_template chat_template_content_format code_revision compilation_config config_format
disable_access_log_for_endpoints disable_custom_all_reduce disable_fastapi_docs
disable_log_requests disable_log_stats distributed_executor_backend download_dir dtype
enable_auto_tool_choice enable_log_outputs enable_log_requests enable_prompt_tokens_details
enable_request_id_headers enable_server_load_tracking enable_sleep_mode generation_config
guided_decoding_backend h11_max_header_count hf_config_path hf_token host ignore_patterns
load_format log_config_file logits_processors lora_modules max_log_len
max_parallel_loading_workers middleware model model_impl model_loader_extra_config
observability_config otlp_traces_endpoint override_generation_config port
prefix_caching_hash_algo reasoning_parser response_role return_tokens_as_token_ids revision
root_path safetensors_load_strategy seed served_model_name show_hidden_metrics_for_version
skip_tokenizer_init ssl_ca_certs ssl_certfile ssl_keyfile structured_outputs_config
tokenizer tokenizer_mode tokenizer_revision tool_call_parser tool_parser_plugin
trust_remote_code uds use_tqdm_on_load uvicorn_log_level
"""

WITHOUT_EFFECT: Final = frozenset(_KEYS.split())
"""``dtype`` is among them: 16 bits whatever it says; weights are ``quantization``'s matter."""
