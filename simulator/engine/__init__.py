"""One replica: what vLLM's scheduler does, step by step and many steps at once."""
