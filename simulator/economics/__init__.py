"""The bill, read off the tables of a run; nothing in the running part knows of it."""
