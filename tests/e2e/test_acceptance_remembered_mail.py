"""A mail that the operator hands in is still somebody else's words."""

from __future__ import annotations

from pathlib import Path

from .quarters import lead_mail, running, settle, small_house


def test_a_mail_handed_in_is_parsed_and_stays_external(tmp_path: Path) -> None:
    with running(small_house(tmp_path)) as quarters, quarters.client() as client:
        params = {"document": lead_mail(1).encode(), "media_type": "message/rfc822", "name": "old.eml"}
        document = client.call("memory.remember", dict(params)).result["document"]
        settle(client)
        found = client.call("memory.search", {"query": "designer onboarding"}).result["items"]
        assert isinstance(found, list)
        mine = [one for one in found if one["document"] == document]
        assert [(one["title"], one["tier"]) for one in mine] == [("Redesign of our onboarding 1", "review")]
        assert mine[0]["labels"]["integrity"] == "external"
        assert client.call("run.list").result["items"] == []
