"""Training of the project's own networks (PyTorch); the engine never imports this."""
