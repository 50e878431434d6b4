"""Language models in one go: our loop, the process around it, and the kernel's record of every question.

Method   calls model_loop.py, model_host.py and model_calls.py as processes of their own, one after the other, and passes their
         lines on under their own names. model_loop: our loop against the library's own, answers that keep to a schema.
         model_host: a one-token answer, its first piece and a known one over the wire, against the bare backend. model_calls:
         choosing a model, recording a question, and a known answer against a note that is as durable.
Excludes real weights: beside 20 ms for a token of those most of this is small.
Run      python bench/models.py [--quick]
"""

from __future__ import annotations

from kernel import lines_of
from lines import is_quick, text_of

PARTS = ("model_loop", "model_host", "model_calls")


def main() -> None:
    size = "--quick" if is_quick(__doc__ or "") else "--full"
    for part in PARTS:
        for line in lines_of(part, size):
            print(text_of(line), flush=True)


if __name__ == "__main__":
    main()
