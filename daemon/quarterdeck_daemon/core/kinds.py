"""The kinds of facts that are built in: what their known fields mean, as typed models.

Lenient where life is: nothing is required, and fields that are not named here are the operator's own and kept
as they are. A field that is named has its type and form. The JSON Schema that is shown and checked is made
from these classes (kind_schema.py), so that there is one way of checking for these and for the operator's kinds.

    Ref    another fact: `northwind` or `client/northwind`; kept as a link named like the field
    Money  a number, decimal text ("1200.50"), or {minor, currency} in the smallest unit
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Plain = dict[str, object]

Text = Annotated[str, Meta(max_length=20_000)]
Line = Annotated[str, Meta(max_length=500)]
Texts = Annotated[list[Line], Meta(max_length=500)]
Day = Annotated[str, Meta(max_length=64, extra_json_schema={"format": "moment"})]
Email = Annotated[str, Meta(max_length=320, extra_json_schema={"format": "mailbox"})]
Iban = Annotated[str, Meta(max_length=50, extra_json_schema={"format": "iban"})]
Bic = Annotated[str, Meta(max_length=20, extra_json_schema={"format": "bic"})]
Currency = Annotated[str, Meta(max_length=10, extra_json_schema={"format": "currency"})]
Country = Annotated[str, Meta(max_length=100)]
Decimal = Annotated[str, Meta(max_length=40, extra_json_schema={"format": "decimal"})]
Phone = Annotated[str, Meta(max_length=60, extra_json_schema={"format": "phone"})]
Whole = Annotated[int, Meta(ge=-(2**53), le=2**53)]


class Minor(msgspec.Struct):
    """An amount in the smallest unit: cents, or yen."""

    minor: Whole
    currency: Currency | None = None


Money = float | Decimal | Minor | None


def _ref(*kinds: str) -> Meta:
    return Meta(max_length=400, extra_json_schema={"x-ref": list(kinds)})


Party = Annotated[str, _ref("client", "organisation", "contact")]
ClientRef = Annotated[str, _ref("client")]
OrganisationRef = Annotated[str, _ref("organisation")]
ProjectRef = Annotated[str, _ref("project")]
ContractRef = Annotated[str, _ref("contract")]
InvoiceRef = Annotated[str, _ref("invoice")]
ProductRef = Annotated[str, _ref("product")]
ContactRef = Annotated[str, _ref("contact")]
CampaignRef = Annotated[str, _ref("campaign")]


class Kind(msgspec.Struct, omit_defaults=True):
    """Base of the built-in kinds."""


class Named(Kind, omit_defaults=True):
    name: Line | None = None
    note: Text | None = None


class Reachable(Named, omit_defaults=True):
    """Somebody with an address and an account."""

    email: Email | None = None
    phone: Phone | None = None
    address: Text | None = None
    country: Country | None = None
    language: Line | None = None
    website: Line | None = None
    iban: Iban | None = None
    bic: Bic | None = None


class Client(Reachable, omit_defaults=True):
    """Who pays us. `contacts` are addresses that an answer may go to."""

    domain: Line | None = None
    contacts: Texts | None = None
    status: Line | None = None
    since: Day | None = None
    until: Day | None = None
    vat_number: Line | None = None
    currency: Currency | None = None
    payment_days: Annotated[int, Meta(ge=0, le=3650)] | None = None
    contract: ContractRef | None = None
    organisation: OrganisationRef | None = None


class Contact(Reachable, omit_defaults=True):
    """A person."""

    role: Line | None = None
    birthday: Day | None = None
    client: ClientRef | None = None
    organisation: OrganisationRef | None = None


class Organisation(Reachable, omit_defaults=True):
    """A company, a supplier, an authority."""

    domain: Line | None = None
    vat_number: Line | None = None
    registration: Line | None = None
    parent: OrganisationRef | None = None


class Project(Named, omit_defaults=True):
    """A piece of work with a beginning and an end."""

    title: Line | None = None
    client: ClientRef | None = None
    contract: ContractRef | None = None
    lead: ContactRef | None = None
    status: Line | None = None
    starts: Day | None = None
    ends: Day | None = None
    budget: Money = None
    currency: Currency | None = None


class Contract(Named, omit_defaults=True):
    """What was agreed with whom, for how much, until when."""

    title: Line | None = None
    client: ClientRef | None = None
    organisation: OrganisationRef | None = None
    project: ProjectRef | None = None
    product: ProductRef | None = None
    file: Line | None = None
    status: Line | None = None
    signed: Day | None = None
    starts: Day | None = None
    ends: Day | None = None
    notice_days: Annotated[int, Meta(ge=0, le=3650)] | None = None
    price: Money = None
    amount: Money = None
    currency: Currency | None = None
    payment_days: Annotated[int, Meta(ge=0, le=3650)] | None = None


class Invoice(Named, omit_defaults=True):
    """A bill, ours or theirs. Only a `credit note` has a total below zero."""

    number: Line | None = None
    type: Literal["invoice", "credit note"] | None = None
    direction: Literal["in", "out"] | None = None
    client: ClientRef | None = None
    organisation: OrganisationRef | None = None
    contract: ContractRef | None = None
    project: ProjectRef | None = None
    amount: Money = None
    net: Money = None
    tax: Money = None
    total: Money = None
    currency: Currency | None = None
    issued: Day | None = None
    due: Day | None = None
    paid: Day | None = None
    status: Line | None = None
    iban: Iban | None = None


class Payment(Named, omit_defaults=True):
    """Money that moved."""

    invoice: InvoiceRef | None = None
    client: ClientRef | None = None
    organisation: OrganisationRef | None = None
    amount: Money = None
    currency: Currency | None = None
    date: Day | None = None
    direction: Literal["in", "out"] | None = None
    method: Line | None = None
    reference: Line | None = None
    iban: Iban | None = None


class Product(Named, omit_defaults=True):
    """What we sell, and for how much."""

    price: Money = None
    currency: Currency | None = None
    price_text: Line | None = None
    duration_text: Line | None = None
    summary: Text | None = None
    keywords: Texts | None = None
    from_day: Day | None = None
    until: Day | None = None


class Campaign(Named, omit_defaults=True):
    """An effort to be seen."""

    title: Line | None = None
    channel: Line | None = None
    product: ProductRef | None = None
    status: Line | None = None
    starts: Day | None = None
    ends: Day | None = None
    budget: Money = None
    currency: Currency | None = None


class Event(Named, omit_defaults=True):
    """Something at a time and a place."""

    title: Line | None = None
    starts: Day | None = None
    ends: Day | None = None
    place: Line | None = None
    client: ClientRef | None = None
    project: ProjectRef | None = None
    campaign: CampaignRef | None = None
    attendees: Texts | None = None
    status: Line | None = None


class Policy(Named, omit_defaults=True):
    """How the house decides. Its own fields are read by agents."""

    title: Line | None = None
    minimum: Money = None
    rates_to_eur: dict[str, float] | None = None


class Preference(Named, omit_defaults=True):
    """How the operator wants things done."""

    text: Text | None = None


class Lesson(Named, omit_defaults=True):
    """What was learned, and when it applies."""

    text: Text | None = None
    when: Text | None = None
    source: Line | None = None


class Template(Named, omit_defaults=True):
    """A text to fill in."""

    title: Line | None = None
    text: Text | None = None
    language: Line | None = None


class Commitment(Named, omit_defaults=True):
    """Who promised what until when."""

    who: Line | None = None
    what: Text | None = None
    to: Line | None = None
    due: Day | None = None
    status: Line | None = None
    quote: Text | None = None
    client: ClientRef | None = None
    project: ProjectRef | None = None


BUILT_IN: dict[str, type[Kind]] = {
    cls.__name__.lower(): cls
    for cls in (
        Client, Contact, Organisation, Project, Contract, Invoice, Payment, Product, Campaign, Event, Policy,
        Preference, Lesson, Template, Commitment,
    )
}  # fmt: skip
# The version of each kind's meaning; kind_versions.py lifts values of earlier ones on reading.
VERSIONS: dict[str, int] = dict.fromkeys(BUILT_IN, 1)
