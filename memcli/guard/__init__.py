"""Guards: what may be written (secrets, size, text) and what may speak (hidden text); they judge and never write."""
