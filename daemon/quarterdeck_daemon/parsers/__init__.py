"""Raw bytes to readable text and metadata: one parser for each media type, run in worker processes.

`table.parse` is the way in. Nothing here raises on bad input: a document that cannot be read comes
back with `unreadable` set to the reason and with whatever could be read.
"""
