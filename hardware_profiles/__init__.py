"""What can be had, and at what price: GPUs, links, nodes and offers as dated catalogue entries."""
