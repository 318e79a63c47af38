"""What we wanted to know: the questions asked of the simulator, and the command line."""
