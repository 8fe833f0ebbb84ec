"""What people and agents type: parse, call the store, print. Only this package (and `agents/`) prints."""
