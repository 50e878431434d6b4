"""Words that the rules look for, by language, as data. Every entry is a regular expression, matched in lower case.

They are about what mails of this kind say anywhere; nothing here knows a company, a person or a product.
A new language is a new key in each table.
"""


# ruff: noqa: E501 - tables of expressions are easier to check with one idea on a line

from __future__ import annotations

import re
from functools import cache

Table = dict[str, tuple[str, ...]]

# Somebody wants work done. Group "need", where there is one, is what they want.
NEED: Table = {
    "en": (
        r"\b(?:we|i)(?:'re| are|'m| am)? (?:currently |now |also )?(?:looking|searching) (?:for|to) ",
        r"\b(?:we|i)(?:'d| would| do)? (?:really |urgently |just )?(?:need|require|want|love|like) (?:you |someone |somebody )?(?=to |help|an? |some|support|new )",
        r"\bwhat we(?:'d| would| are)? (?:really )?(?:want|need|like|looking for|after)\b",
        r"\b(?:an?|your|new) (?:[\w-]+ ){0,2}?(?:partner|agency|designer|studio|freelancer|consultant) (?:to|who|that|for)\b",
        r"\b(?:could|can|would) you (?:please |possibly |perhaps |maybe )?(?:help|design|build|redesign|make|create|quote|take on|review|audit|develop|do)\b",
        r"\b(?:are you|would you be|is this something you would) (?:available|free|interested|take on|open)\b",
        r"\bdo you (?:have (?:time|capacity|room|availability)|take on|offer|do (?:that|this|such))\b",
        r"\b(?:quote|quotation|proposal|estimate|offer) (?:for|from you|request|on)\b|\b(?:request|ask(?:ing)?|would like) (?:for )?an? (?:quote|quotation|proposal|estimate|offer)\b",
        r"\bwhat (?:would|does|do|might) (?:it|this|that|you|something like this).{0,30}\b(?:cost|charge)\b|\bhow much (?:would|do|does)\b",
        r"\b(?:hire|commission|engage|bring in) (?:you|a|an|someone|somebody)\b",
        r"\b(?:someone|somebody|a (?:freelance )?(?:designer|developer|consultant|agency|studio)) (?:to|who|for)\b",
        r"\bget (?:your|some) help\b|\bwork (?:with you|together)\b",
        r"\b(?:project|enquiry|inquiry) (?:for you|about|regarding|enquiry|inquiry)\b|\b(?:new|website|project) (?:enquiry|inquiry)\b",
    ),
    "de": (
        r"\b(?:wir|ich) (?:\w+ ){0,2}?(?:suchen?|brauchen?|benötigen?|wünschen?|bräuchten?|planen?)\b|\b(?:suchen|brauchen|benötigen) wir\b",
        r"\b(?:suche|brauche|benötige|möchte|plane) ich\b|\b(?:bräuchte|hätten?|hätte) (?:wir |ich )?(?:\w+ )?gerne?\b|\bgesucht\b",
        r"\b(?:wir|ich) (?:möchten?|wollen|will|würden?) (?:\w+ ){0,12}?(?:lassen|gestalten|überarbeiten|erneuern|neu|beauftragen|entwickeln|modernisieren)\b",
        r"\bangebot\b|\b(?:projekt)?anfrage\b|\bkostenvoranschlag\b",
        r"\b(?:könnten|können|würden|hätten|haben|hättest|hast|kannst|könntest) (?:sie|du|ihr) (?:\w+ ){0,6}?(?:helfen|zeit|lust|kapazität|vorstellen|übernehmen|gestalten|unterstützen|machen|interesse|frei)",
        r"\bwas (?:würde|kostet|kosten|käme|nimmst|nehmen) |\bbeauftragen\b|\bunterstützung bei\b",
    ),
    "fr": (
        r"\b(?:nous|je|on) (?:\w+ )?(?:cherchons|recherchons|cherche|recherche|souhaitons|souhaite|souhaiterions|voudrions|voudrais|aimerions|aimerais|envisageons)\b",
        r"\b(?:avons|ai|aurions|aurais) besoin\b|\bbesoin d['’e]",
        r"\bdevis\b|\bdemande de (?:devis|proposition|projet)\b|\bproposition (?:commerciale|chiffrée)\b",
        r"\b(?:pourriez|pouvez|seriez|auriez)[- ]vous\b|\bêtes[- ]vous (?:disponible|intéressée?)",
        r"\bcombien (?:cela|ça|coûterait)\b|\bquel serait (?:le|votre) (?:prix|tarif)",
    ),
    "sv": (
        r"\b(?:vi|jag) (?:\w+ )?(?:söker|letar|behöver|vill|skulle vilja|skulle behöva|önskar|planerar)\b",
        r"\boffert\b|\bprisförslag\b|\bförfrågan\b",
        r"\b(?:kan|skulle|har|vill) (?:du|ni) (?:\w+ ){0,4}?(?:hjälpa|tid|möjlighet|kunna|tänka|göra)",
        r"\bvad (?:skulle|kostar|tar)\b",
    ),
    "es": (
        r"\b(?:estamos )?(?:buscamos|busco|buscando|necesitamos|necesito|quisiéramos|querríamos|queremos|quisiera|nos gustaría|me gustaría)\b",
        r"\bpresupuesto (?:para|de|por)\b|\bpedir (?:un )?presupuesto\b|\bcotizaci[óo]n\b|\bpropuesta\b",
        r"\b(?:podr[íi]a|podr[íi]as|puede|puedes|podr[íi]an) (?:usted )?(?:ayudar|hacer|diseñar|enviar|ofrecer)",
        r"\bcu[áa]nto (?:costar[íi]a|cuesta|cobra)|\btiene[sn]? (?:disponibilidad|tiempo|capacidad)",
    ),
}  # fmt: skip

# Kinds of work: a need that names one is more likely a real one.
WORK: Table = {
    "en": (
        r"\b(?:re)?design\w*", r"\brework\w*", r"\brebuil\w+", r"\brebrand\w*", r"\baudit\w*", r"\brevamp\w*", r"\bux\b", r"\bui\b",
        r"\bwebsite\b", r"\bweb ?shop\b", r"\bapp\b", r"\bprototyp\w*", r"\bworkshop\b", r"\bprojects?\b", r"\bretainer\b", r"\blogo\b",
        r"\bbrand(?:ing)?\b", r"\bonboarding\b", r"\busability\b", r"\blanding pages?\b", r"\btranslat\w+", r"\bcopywriting\b",
        r"\bconsult\w*", r"\bdevelop\w*", r"\bphotograph\w*", r"\billustrat\w*", r"\btraining\b", r"\bscreens?\b", r"\binterface\b",
    ),
    "de": (
        r"\bgestalt\w+", r"\büberarbeit\w+", r"\bneugestalt\w+", r"\brelaunch\b", r"\bweb(?:seite|site|auftritt|shop)\b", r"\bapp\b",
        r"\bportal\w*", r"\bentwurf\w*|\bentwürfe\w*", r"\blogo\b", r"\bprojekt\w*", r"\bberatung\b", r"\bdesign\w*", r"\bprototyp\w*",
        r"\bentwickl\w+", r"\bübersetz\w+", r"\bkonzept\w*", r"\bschulung\w*", r"\billustration\w*", r"\bworkshops?\b",
    ),
    "fr": (
        r"\brefonte\b", r"\brepenser\b", r"\bconception\b", r"\bsite\b", r"\bappli(?:cation)?\b", r"\bmaquettes?\b", r"\bprojets?\b",
        r"\bparcours\b", r"\bidentité\b", r"\blogo\b", r"\bdesign\w*", r"\baudit\b", r"\brefaire\b", r"\bprestation\b", r"\bateliers?\b",
    ),
    "sv": (
        r"\brita om\b", r"\bgöra om\b", r"\bformgiv\w+", r"\bdesign\w*", r"\bapp(?:en)?\b|\w+app\b", r"\bwebb\w*", r"\bprojekt\w*",
        r"\blogotyp\w*", r"\bgränssnitt\w*", r"\buppdrag\w*", r"\bgranskning\b", r"\butveckl\w+",
    ),
    "es": (
        r"\brediseñ\w+", r"\bdiseñ\w+", r"\bp[áa]gina web\b", r"\bsitio\b", r"\bweb\b", r"\baplicaci[óo]n\b|\bapp\b", r"\bproyecto\w*",
        r"\blogotipo\b|\blogo\b", r"\bauditor[íi]a\b", r"\bidentidad\b", r"\brenovar\b", r"\btienda\b", r"\btraducci\w+",
    ),
}  # fmt: skip

# Somebody sells to us.
PITCH: Table = {
    "en": (
        r"\b(?:rank(?:ing|s|ed)?|page one|first page|top \d+)\b.{0,60}\b(?:keywords?|search|google|engines?)\b|\bseo\b|\bbacklinks?\b|\bguest post",
        r"\bour (?:packages?|services?|rates?|prices?|plans?|team of|experts?|developers|solutions?) (?:start|include|can|will|are|from|help|of)\b",
        r"\bwe (?:are|have) (?:an? )?(?:team|agency|company|leading|group|pool) of\b|\bteam of \d+|\bwe are an? (?:leading|offshore|outsourc\w+|full[- ]service)",
        r"\bwe (?:can|could|will) (?:get|help|boost|increase|grow|take over|provide|deliver|build|supply|save) (?:you|your|all)\b",
        r"\b(?:boost|increase|grow|skyrocket|double) your (?:sales|traffic|revenue|leads?|business|followers|visibility|conversions?)\b",
        r"\bfree (?:audit|trial|demo|consultation|report|analysis|quote|sample)\b|\b100 ?% guarantee\w*|\bguaranteed\b|\bmoney[- ]back\b",
        r"\b(?:just )?reply (?:\"|'|“)?(?:yes|no|stop)\b|\bunsubscribe\b|\bopt[- ]?out\b|\bto stop receiving\b|\bif you (?:don't|do not) want to hear\b",
        r"\b(?:was |were )?(?:just )?(?:browsing|visited|visiting|looking at|came across|found|checked|reviewed) your (?:web ?site|site|profile|portfolio|company|business)\b",
        r"\bfollowing up on my (?:previous|last|earlier)\b|\bquick (?:15|10|20|30)[- ]minute\b|\b(?:15|20|30)[- ]minutes? (?:call|chat|demo)\b",
        r"\bper hour\b|/ ?hour\b|/ ?hr\b|\bhire (?:our|dedicated|remote|offshore)\b|\bdedicated (?:developers?|team|project manager)\b",
        r"\b(?:dear|hello|hi) (?:sir|madam|team|business owner|website owner|sir/madam|manager)\b",
        r"\b(?:candidates?|recruit(?:er|ing|ment)|talent (?:partner|acquisition)|open position|job opportunity|your profile|salary|successful referral)\b",
        r"\b(?:crypto|bitcoin|casino bonus|loan offer|inheritance|lottery|million (?:dollars|usd)|investment opportunity|wire transfer)\b",
        r"\bkindly (?:share|revert|send|let)\b|\bsponsored (?:post|link|article)\b|\bemail list\b|\bleads? (?:list|database|generation)\b",
    ),
    "de": (
        r"\bwir (?:bieten|helfen|sind (?:ein|eine) (?:führende|agentur|team|spezial))|\bunser(?:e|en)? (?:angebot|leistungen|pakete|lösung|experten)\b",
        r"\b(?:seite 1|platz 1|google-?ranking|suchmaschinen\w*|seo)\b|\bmehr (?:kunden|umsatz|sichtbarkeit|reichweite|traffic)\b",
        r"\bkostenlose[ns]? (?:analyse|erstgespräch|beratung|demo|test\w*|audit)\b|\bunverbindliche[ns]? (?:gespräch|termin|demo|angebot von uns)\b",
        r"\bbin auf ihr (?:profil|unternehmen)|\bauf ihre (?:website|webseite) gestoßen\b|\babmelden\b|\babbestellen\b",
        r"\bkandidat\w*|\bpersonalvermittl\w*|\bspannende (?:position|stelle)|\bgehalt\b|\bgarantier\w+",
    ),
    "fr": (
        r"\bnous (?:proposons|offrons|sommes (?:une|un) (?:agence|équipe|leader))|\bnos (?:services|offres|tarifs|experts|solutions)\b",
        r"\bréférencement\b|\bpremière page\b|\bboostez?\b|\baugmente[rz] (?:vos|votre)|\bgratuit\w*|\bdésinscri\w+|\bgaranti\w*",
    ),
    "sv": (
        r"\bvi (?:erbjuder|hjälper (?:företag|er)|är (?:en|ett) (?:byrå|team|ledande))|\bvåra (?:tjänster|paket|priser|experter)\b",
        r"\bsökmotor\w*|\bfler kunder\b|\bkostnadsfri\w*|\bgaranter\w*|\bavprenumerera\b|\brekryter\w+",
    ),
    "es": (
        r"\b(?:ofrecemos|le ofrecemos|somos (?:una|un) (?:agencia|equipo|empresa))|\bnuestros (?:servicios|precios|paquetes|expertos)\b",
        r"\bposicionamiento\b|\bprimera página\b|\baument(?:e|ar) (?:sus|tus)|\bgratis\b|\bgratuit\w*|\bdarse de baja\b|\bgarantiza\w*",
    ),
}  # fmt: skip

# A bill, a receipt, a payment. Subjects weigh more than the body.
INVOICE: Table = {
    "en": (
        r"\b(?:invoice|receipt|bill|credit note|remittance|statement of account)\b", r"\bpayment (?:received|due|reminder|confirmation|of)\b",
        r"\b(?:amount|total|balance) due\b|\bpayable\b|\boverdue\b|\border confirmation\b|\byour (?:order|payment|purchase)\b",
        r"\biban\b|\bvat\b|\bincoming (?:payment|transfer|credit)\b|\bnet \d+ days\b",
    ),
    "de": (
        r"\brechnung\w*|\bquittung\b|\bmahnung\b|\bzahlungserinnerung\b|\bgutschrift\b|\bbeleg\b|\bzahlungseingang\b",
        r"\bzahlbar\b|\bfällig\w*|\bgesamtbetrag\b|\boffene[rn]? betrag\b|\bumsatzsteuer\b|\bust\b|\biban\b|\büberweis\w+",
    ),
    "fr": (r"\bfacture\w*|\breçu\b|\brelance\b|\bpaiement\b", r"\bmontant (?:dû|total)\b|\bttc\b|\btva\b|\biban\b|\béchéance\b"),
    "sv": (r"\bfaktura\w*|\bkvitto\b|\bbetalning\w*|\bpåminnelse\b", r"\bförfallo\w*|\bmoms\b|\batt betala\b|\bbankgiro\b|\biban\b"),
    "es": (r"\bfactura\w*|\brecibo\b|\bpago\b|\brecordatorio de pago\b", r"\bimporte (?:total|pendiente)\b|\biva\b|\bvencimiento\b|\biban\b"),
}  # fmt: skip

# What stands beside an amount that is a budget, and beside one that is not.
BUDGET = (
    r"budget|set aside|spend|afford|up to|around|about|approx|cost|price|pay|fee|quote|have .{0,12}for|saved|roughly|allocated|available|max"
    r"|rahmen|verfügung|ausgeben|kosten|preis|honorar|höchstens|bis zu|rund|etwa|circa|ca\.|um die|eingeplant|netto"
    r"|enveloppe|disposons|prévu|environ|jusqu|tarif|prix|hors taxes|\bht\b"
    r"|lägga|kostnad|ungefär|cirka|omkring|upp till|kosta|avsatt|presupuesto|disponemos|unos|hasta|coste|gastar"
)
NOT_BUDGET = (
    r"revenue|turnover|raised|funding|round|valuation|customers? (?:pay|spend)|per (?:hour|user|seat)|an hour|profit|sales|salary|worth|fine|lost|loses?"
    r"|umsatz|gewinn|gehalt|finanzierung|verlust|chiffre d.affaires|levé|omsättning|vinst|facturaci[óo]n|ventas"
)
PER_MONTH = r"(?:per|a|each|every|/) ?month|monthly|im monat|pro monat|monatlich|/ ?monat|par mois|mensuel\w*|per månad|i månaden|al mes|por mes|mensual\w*"
PER_SMALL = r"(?:per|an?|each|/) ?(?:hour|hr|day|week|user|seat|page)|pro (?:stunde|tag|woche)|die stunde|am tag|par (?:heure|jour)|per (?:timme|dag)|por (?:hora|día)"

DEADLINE = (
    r"\b(?:by|before|until|till|no later than|deadline|due|ready|finished|done|live|opens?|opening|launch\w*|latest|in time for|at the latest)\b"
    r"|\b(?:bis|vor|spätestens|frist|fertig|abgabe|eröffn\w*|live|vorliegen)\b|\b(?:avant|d['’]ici|jusqu|au plus tard|prêt\w*|livr\w+|échéance)"
    r"|\b(?:senast|före|innan|till|klar\w*|lansering)\b|\b(?:antes|para|hasta|plazo|a más tardar|listo)\b"
)
START = (
    r"\b(?:start\w*|begin\w*|kick[- ]?off|from|as of|available in)\b|\b(?:ab|beginn\w*|starten|loslegen|anfangen)\b"
    r"|\b(?:à partir|commencer|démarrer|début)|\b(?:börja|starta|från)\b|\b(?:empezar|comenzar|a partir|desde)\b"
)

# First words of a line that ends a letter.
CLOSINGS = (
    r"(?:kind|best|warm\w*|many|with|all the|yours|regards|sincerely|cheers|thanks|thank you|talk soon"
    r"|mit|viele|liebe|beste|herzliche|freundliche|gr[uü](?:ß|ss)\w*|danke|vielen|mfg|lg|vg"
    r"|bien|cordialement|amicalement|salutations|merci|med|vänlig\w*|bästa|hälsn\w+|mvh|tack|saludos?|un saludo|atentamente|gracias)\b"
)

# Lines of a signature that name what somebody does, not who they are.
ROLES = (
    r"\b(?:head|lead|manager|director|owner|founder|co-?founder|ceo|cto|coo|cfo|cpo|cmo|partner|officer|president|assistant|coordinator|engineer"
    r"|designer|developer|product|marketing|sales|operations|channels|digital|customer|support|team|studio|office|consultant|executive|editor|curator"
    r"|chair\w*|secretary|principal|student|architect"
    r"|leit\w+|geschäfts\w+|inhaber\w*|gründer\w*|vorstand\w*|vertrieb|produkt\w*|abteilung|assistenz|projekt\w*|referent\w*"
    r"|direct\w+|responsable|gérant\w*|fondat\w+|chef\w*|chargé\w*|cheffe|vd|ägare|grundare|ansvarig|gerente|fundador\w*|propietari\w+|jef[ea])\b"
)
LEGAL_FORMS = (
    r"(?:ltd|limited|llc|llp|inc|corp|plc|gmbh(?: & co\.? kg)?|mbh|ag|kg|ohg|ug|gbr|eg|e\. ?v\.|b\.?v\.?|n\.?v\.?|ab|as|a/s|aps|oy|oyj|sas|sarl|s\.?a\.?r\.?l"
    r"|s\.?a\.?s?|s\.?l\.?u?|s\.?p\.?a|srl|s\.?r\.?l|eurl|scop|co-operative|cooperative|pty|kft|sp\. z o\.o\.|d\.o\.o\.)\.?"
)

# Where the wish itself begins, after the cue: a verb of doing, or the thing looked for.
WISH: dict[str, str] = {
    "en": r"\b(?:re-?design|design|re-?work|re-?build|build|re-?brand|audit|review|overhaul|improve|develop|create|make over|modernis?ze|refresh|revamp"
    r"|set up|write|translate|plan|prototype|test|simplify|fix|help(?: us| me)?(?: with| to)?|take a look at|an? independent \w+|an? (?:[\w-]+ ){0,2}?(?:audit|review|redesign|logo|website|app|quote for))\b",
    "de": r"\b(?:unterstützung (?:bei|für)|hilfe (?:bei|für)|jemand(?:en)?,? (?:der|die)|unser\w* |ein\w* |(?:die|eine) (?:neu)?gestaltung|(?:die|eine) überarbeitung)",
    "fr": r"\b(?:repenser|refaire|refondre|concevoir|créer|revoir|moderniser|améliorer|la refonte|une refonte|(?<!['’])un\w* (?=\w))",
    "sv": r"\b(?:rita om|göra om|designa|formge|bygga|skapa|ta fram|förbättra|granska|hjälp med|en \w+|ett \w+)",
    "es": r"\b(?:rediseñar|diseñar|renovar|crear|mejorar|rehacer|desarrollar|modernizar|un\w* (?=\w)|ayuda con)",
}  # fmt: skip
CLAUSE_END = (
    r",(?!\d| (?:die|der|das|who|som|qui) )|[;:!?()]|\.(?:\s|$)|\s[-–—]\s|\s(?:so that|because|since|and we|and i|but|which|damit|weil|sodass|aber|da wir|afin|parce|mais|car"
    r"|så att|eftersom|men|para que|porque|pero)\s"
)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@cache
def by_language(name: str, language: str) -> tuple[re.Pattern[str], ...]:
    """Patterns of a table for a language; for one that is not known or not told, those of all languages."""
    table = TABLES[name]
    chosen = table.get(language) or tuple(pattern for patterns in table.values() for pattern in patterns)
    return tuple(compiled(pattern) for pattern in chosen)


TABLES: dict[str, Table] = {"need": NEED, "work": WORK, "pitch": PITCH, "invoice": INVOICE}
LANGUAGES = tuple(NEED)


def found(name: str, language: str, text: str) -> list[re.Match[str]]:
    """First match of each pattern of the table in `text`, in the order of the table."""
    return [match for pattern in by_language(name, language) if (match := pattern.search(text))]
