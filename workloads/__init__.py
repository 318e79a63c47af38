"""What is asked: the model, and the requests that arrive for it."""
