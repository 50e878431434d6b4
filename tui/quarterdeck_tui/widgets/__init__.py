"""Widgets: given view models, they draw; touched, they post messages. No decisions, no client."""
