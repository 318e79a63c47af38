"""Many replicas, and the way to them."""
