"""Screens: hand view models to widgets and the operator's words to the app."""
