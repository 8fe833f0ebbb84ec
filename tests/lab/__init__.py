"""Real coding agents, run without a person and without a network against a mock of their models."""
