"""What then happens: the events of a served fleet, and the bill."""
