"""Mails that no rule was written for: what the agents make of them is measured, not arranged.

Each is (name, kind, headers, body). `kind` is what a person would say; "other" is anything that is not a lead.
Leads carry what a person would note down.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Unseen:
    name: str
    kind: str
    sender: str
    subject: str
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    email: str = ""
    person: str = ""
    amount: tuple[int, str] | None = None


LEADS = (
    Unseen(
        "bakery shop",
        "lead",
        "Tom Becker <tom@becker-brot.example>",
        "New web shop",
        "Hello,\n\nwe are a bakery in Bremen and would like to sell our bread online. Could you help us with the design"
        " of a small web shop? We can spend about 4.500 EUR and it should be ready before Easter.\n\nKind regards\nTom Becker",
        email="tom@becker-brot.example",
        person="Tom Becker",
        amount=(450000, "EUR"),
    ),
    Unseen(
        "law firm",
        "lead",
        "Dr. Miriam Vogt <vogt@vogt-recht.example>",
        "Anfrage Webauftritt",
        "Sehr geehrte Damen und Herren,\n\nfür unsere Kanzlei suchen wir eine Gestalterin, die unseren Webauftritt"
        " erneuert. Unser Budget liegt bei rund 7.500 Euro. Könnten Sie uns bis Ende März ein Angebot machen?\n\n"
        "Mit freundlichen Grüßen\nDr. Miriam Vogt\nVogt Rechtsanwälte PartG",
        email="vogt@vogt-recht.example",
        person="Dr. Miriam Vogt",
        amount=(750000, "EUR"),
    ),
    Unseen(
        "startup one-liner",
        "lead",
        "Kim <kim@loopline.example>",
        "quick question",
        "Hey, do you have capacity for a two week UX project in May? We need somebody to clean up our onboarding."
        " Budget is $6k.\n\nKim",
        email="kim@loopline.example",
        person="Kim",
        amount=(600000, "USD"),
    ),
    Unseen(
        "theatre",
        "lead",
        "Sophie Laurent <s.laurent@theatre-des-quais.example>",
        "Demande de devis",
        "Bonjour,\n\nnous souhaitons refaire le site du théâtre avant la rentrée et aurions besoin d'un devis. Nous"
        " disposons d'environ 9 000 euros.\n\nBien cordialement,\nSophie Laurent\nThéâtre des Quais",
        email="s.laurent@theatre-des-quais.example",
        person="Sophie Laurent",
        amount=(900000, "EUR"),
    ),
    Unseen(
        "cooperative",
        "lead",
        "Lucía Ferrer <lucia@huertaviva.example>",
        "Presupuesto para una tienda",
        "Hola:\n\nsomos una cooperativa de Valencia y buscamos a alguien para rediseñar nuestra tienda en línea. ¿Podrías"
        " enviarnos un presupuesto? Tenemos unos 3.800 euros.\n\nUn saludo,\nLucía Ferrer",
        email="lucia@huertaviva.example",
        person="Lucía Ferrer",
        amount=(380000, "EUR"),
    ),
    Unseen(
        "swedish school",
        "lead",
        "Karin Holm <karin.holm@folkskolan.example>",
        "Offertförfrågan",
        "Hej!\n\nVi behöver hjälp med att göra om vår webbplats. Kan ni lämna en offert? Vi har ungefär 60 000 kr.\n\n"
        "Vänliga hälsningar\nKarin Holm",
        email="karin.holm@folkskolan.example",
        person="Karin Holm",
        amount=(6000000, "SEK"),
    ),
    Unseen(
        "no money named",
        "lead",
        "Grace Mbeki <grace@saltpan.example>",
        "Redesign of our donor portal",
        "Dear studio,\n\na colleague recommended you. Our charity's donor portal is hard to use and we are looking for"
        " someone to redesign it. What would that cost, roughly?\n\nWarm regards,\nGrace Mbeki\nSaltpan Trust",
        email="grace@saltpan.example",
        person="Grace Mbeki",
    ),
    Unseen(
        "swiss audit",
        "lead",
        "Urs Frei <urs.frei@bergbahn.example>",
        "Audit Ticketautomat",
        "Guten Tag\n\nWir möchten die Bedienung unserer Ticketautomaten prüfen lassen. Budget: CHF 8'500. Wann hätten Sie"
        " Zeit?\n\nFreundliche Grüsse\nUrs Frei\nBergbahn AG",
        email="urs.frei@bergbahn.example",
        person="Urs Frei",
        amount=(850000, "CHF"),
    ),
    Unseen(
        "forwarded by a colleague",
        "lead",
        '"Nowak, Jan" <jan.nowak@forma.example>',
        "Design help for our scheduling app",
        "Hi,\n\nI'd like you to redesign the calendar view in our scheduling app. We have £5,500 for it. Would you be"
        " available in June?\n\nBest,\nJan",
        email="jan.nowak@forma.example",
        person="Jan Nowak",
        amount=(550000, "GBP"),
    ),
    Unseen(
        "wordy",
        "lead",
        "Helen Osei <helen@archway-housing.example>",
        "Tenant app",
        "Good morning,\n\nI run digital services at Archway Housing. We look after 12,000 homes and turned over £30m"
        " last year, but our tenants' app has a rating of 1.9.\n\nWe have been asked to find an independent designer to"
        " review the repair reporting screens. The board approved a budget of up to £12k for this. Ideally you would start"
        " in the first week of September.\n\nPlease let me know whether you would be interested.\n\nMany thanks,\n\nHelen"
        " Osei\nHead of Digital\nArchway Housing Association",
        email="helen@archway-housing.example",
        person="Helen Osei",
        amount=(1200000, "GBP"),
    ),
    Unseen(
        "replied-to differs",
        "lead",
        "Ben Adler <ben@adler-druck.example>",
        "Projektanfrage",
        "Hallo,\n\nwir planen eine neue App für unsere Kunden und brauchen Unterstützung bei der Gestaltung. Habt ihr im"
        " Herbst Zeit? Budget etwa 15 Tsd. Euro.\n\nViele Grüße\nBen Adler",
        headers={"Reply-To": "sales@elsewhere.example"},
        email="ben@adler-druck.example",
        person="Ben Adler",
        amount=(1500000, "EUR"),
    ),
)

OTHERS = (
    Unseen(
        "hosting invoice",
        "invoice",
        "Billing <billing@cloudbarn.example>",
        "Your invoice 2026-0042",
        "Hello,\n\nyour invoice 2026-0042 over EUR 19.00 is attached. The amount will be charged to your card.\n\nCloudbarn",
    ),
    Unseen(
        "printer's bill",
        "invoice",
        "Druckerei Blau <buero@blau.example>",
        "Rechnung 771",
        "Guten Tag,\n\nanbei unsere Rechnung 771 über 214,20 EUR. Zahlbar innerhalb von 14 Tagen.\n\nDruckerei Blau",
    ),
    Unseen(
        "newsletter",
        "newsletter",
        "Type Weekly <hello@typeweekly.example>",
        "Issue 88: looking for a designer?",
        "This week: how to hire a designer, and what a redesign costs (EUR 10,000 and up).",
        headers={"List-Unsubscribe": "<mailto:x@typeweekly.example>"},
    ),
    Unseen(
        "out of office",
        "auto",
        "Ines <ines@northwind.example>",
        "Out of office: Project quote",
        "I am away until Monday. For urgent projects, we need you to write to my colleague.",
        headers={"Auto-Submitted": "auto-replied"},
    ),
    Unseen(
        "link seller",
        "spam",
        "Peter <peter@linkboost.example>",
        "Guest post on your website",
        "Hi,\n\nI was looking at your website and would love to place a guest post on it. We can increase your traffic and our"
        " packages start at $99. Are you interested?\n\nPeter",
    ),
    Unseen(
        "agency pitch",
        "spam",
        "Raj <raj@devhouse.example>",
        "Need a website?",
        "Dear Sir/Madam,\n\nWe are a leading software company. Do you need help with a website or app project? Our developers"
        " start at $15 per hour. Kindly share your requirements.\n\nRaj",
    ),
    Unseen(
        "german cold call",
        "spam",
        "Max Schnell <max@sichtbar.example>",
        "Mehr Kunden für Ihr Studio",
        "Guten Tag,\n\nich bin auf Ihre Website gestoßen. Wir helfen Unternehmen wie Ihrem, auf Seite 1 bei Google zu kommen."
        " Gern biete ich Ihnen eine kostenlose Analyse an. Haben Sie diese Woche Zeit?\n\nMax Schnell",
    ),
    Unseen(
        "recruiter",
        "spam",
        "Jo Lane <jo@hirely.example>",
        "Product designer role",
        "Hi, I came across your profile. We are looking for a senior product designer for a client; salary up to EUR 90k."
        " Are you open to a quick 15-minute call?\n\nJo, Recruiter",
    ),
    Unseen(
        "friend",
        "personal",
        "Lena <lena@privat.example>",
        "Saturday",
        "Hi! Are you coming on Saturday? We are making pizza, and I still have your bike. Kisses, Lena",
    ),
    Unseen(
        "mother",
        "personal",
        "Mama <mama@privat.example>",
        "Sonntag",
        "Liebes Kind, kommst du am Sonntag zum Essen? Papa hat Kuchen gebacken. Gruß, Mama",
    ),
    Unseen(
        "thank-you note",
        "personal",
        "Ola <ola@museum.example>",
        "Your talk",
        "Hello, I just wanted to say how much I enjoyed your talk yesterday. It made me think about forms again.\n\nOla",
    ),
    Unseen(
        "bank",
        "notification",
        "Bank <no-reply@bank.example>",
        "New document in your mailbox",
        "There is a new document in your mailbox. Please log in to read it.",
    ),
    Unseen(
        "bounce",
        "bounce",
        "Mail Delivery System <MAILER-DAEMON@mx.example>",
        "Undelivered Mail Returned to Sender",
        "I could not deliver your message. We need you to check the address.",
    ),
    Unseen(
        "mailing list",
        "newsletter",
        "Ana <ana@nube.example>",
        "[designers] need help with a project",
        "Hi all, we are looking for someone to help with a redesign, budget EUR 5,000.",
        headers={"List-Id": "<designers.lists.example>"},
    ),
    Unseen(
        "running thread",
        "client",
        "Ola <ola@newclient.example>",
        "Re: Proposal",
        "We would like to go ahead with the project. Could you send the contract? EUR 9,000 is fine.",
        headers={"In-Reply-To": "<qd-9@studio.example>"},
    ),
    Unseen(
        "appointment",
        "calendar",
        "Tim <tim@pell.example>",
        "Invitation: project kick-off",
        "BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR",
        headers={"Content-Type": "text/calendar; method=REQUEST"},
    ),
    Unseen(
        "landlord",
        "personal",
        "Hausverwaltung Krause <info@krause-hv.example>",
        "Heizung",
        "Guten Tag, am Dienstag wird im ganzen Haus die Heizung abgelesen. Bitte sorgen Sie für Zutritt. Krause",
    ),
    Unseen(
        "student interview",
        "personal",
        "Nora Weiss <nora@uni.example>",
        "Interview for my thesis",
        "Hello, I am writing my thesis about small studios. May I ask you five questions by phone? It takes twenty minutes."
        "\n\nNora Weiss",
    ),
)
