"""The plan as a graph: order, rails, the critical path."""

from __future__ import annotations

import random

from quarterdeck_tui.graph import LANES_MAX, Node, critical_path, in_order, rails

MONTH = (
    Node("fetch"), Node("read"), Node("bank"), Node("match", ("fetch", "read", "bank"), 1), Node("ask", ("match",), 1),
    Node("book", ("ask",), 1), Node("vat", ("ask",), 1), Node("report", ("vat",), 1), Node("archive", ("vat", "book"), 1),
)  # fmt: skip


def test_rails_join_what_a_step_needs_and_part_where_two_follow() -> None:
    assert [row.rstrip() for row in rails(MONTH, {})] == [
        "*",
        "│ *",
        "│ │ *",
        "*─┴─┘",
        "*",
        "├─*",
        "* │",
        "├─┼─*",
        "*─┘",
    ]


def test_ascii_rails_have_the_same_shape() -> None:
    drawn = rails(MONTH, {"ask": "?"}, ascii_only=True)
    assert [row.rstrip() for row in drawn[3:6]] == ["*-+-+", "?", "+-*"]
    assert all(row.isascii() for row in drawn)


def test_a_step_stands_after_what_it_needs_else_in_the_order_given() -> None:
    given = [Node("z", ("b", "a")), Node("a"), Node("b", ("a",)), Node("c")]
    assert [node.id for node in in_order(given)] == ["a", "b", "z", "c"]


def test_a_circle_and_an_unknown_need_lose_no_step() -> None:
    given = [Node("x", ("y",)), Node("y", ("x",)), Node("z", ("gone",))]
    ordered = in_order(given)
    assert [node.id for node in ordered] == ["z", "x", "y"]
    assert len(rails(ordered, {})) == 3


def test_the_critical_path_has_the_most_to_do_then_took_longest() -> None:
    assert critical_path(MONTH)[1:4] == ("match", "ask", "vat")
    done = [Node("a", (), 0, 5.0), Node("b", (), 0, 1.0), Node("c", ("a", "b"), 0, 1.0)]
    assert critical_path(done) == ("a", "c")
    assert critical_path([]) == ()


def test_random_plans_have_one_row_a_step_of_one_width() -> None:
    chance = random.Random(7)
    for size in range(1, 40):
        names = [f"s{number}" for number in range(size)]
        nodes = [
            Node(name, tuple(chance.sample(names[:place], min(place, chance.randrange(4)))))
            for place, name in enumerate(names)
        ]
        drawn = rails(in_order(chance.sample(nodes, size)), {})
        assert len(drawn) == size
        assert len({len(row) for row in drawn}) == 1
        assert len(drawn[0]) <= 2 * LANES_MAX
        assert all(row.count("*") == 1 for row in drawn if len(row) < 2 * LANES_MAX)
