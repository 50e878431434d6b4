"""Language models: backends under one contract, and what guards them. See docs/models.md."""
