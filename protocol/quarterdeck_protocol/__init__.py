"""The contract between Quarterdeck's parts: messages, error codes, framing and a client.

Owns     what crosses a process border, and how bytes become typed values and back.
Promises nothing in here imports another package of ours.
Leaves   every decision to the daemon, every screen to the TUI.
"""

PROTOCOL_VERSION = "1.0"
