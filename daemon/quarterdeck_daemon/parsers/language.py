"""Which language a text is in; the detector is shared with recall and lives in core."""

from ..core.language import language_of

__all__ = ["language_of"]
