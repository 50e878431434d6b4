"""The only place where something becomes durable."""
