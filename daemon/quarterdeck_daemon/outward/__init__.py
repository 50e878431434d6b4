"""What everything shares that may speak to the outside world: the way to its secrets."""
