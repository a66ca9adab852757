"""Facts about countries: those of countryinfo, brought up to date, for the states that nobody disputes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

from .pools import listed

CODES = listed("""
AF|AL|DZ|AD|AO|AG|AR|AM|AU|AT|AZ|BS|BH|BD|BB|BY|BE|BZ|BJ|BT|BO|BA|BW|BR|BN|BG|BF|BI|KH|CM|CA|CV|CF|TD|CL|CN|CO|KM
CD|CG|CR|CI|HR|CU|CY|CZ|DK|DJ|DM|DO|TL|EC|EG|SV|GQ|ER|EE|ET|FJ|FI|FR|GA|GM|GE|DE|GH|GR|GD|GT|GN|GW|GY|HT|HN|HU|IS
IN|ID|IR|IQ|IE|IT|JM|JP|JO|KZ|KE|KI|KP|KR|KW|KG|LA|LV|LB|LS|LR|LY|LI|LT|LU|MK|MG|MW|MY|MV|ML|MT|MH|MR|MU|MX|FM|MD
MC|MN|ME|MA|MZ|MM|NA|NR|NP|NL|NZ|NI|NE|NG|NO|OM|PK|PW|PA|PG|PY|PE|PH|PL|PT|QA|RO|RU|RW|KN|LC|VC|WS|SM|ST|SA|SN|RS
SC|SL|SG|SK|SI|SB|SO|ZA|SS|ES|LK|SD|SR|SZ|SE|CH|SY|TJ|TZ|TH|TG|TO|TT|TN|TR|TM|TV|UG|UA|AE|GB|US|UY|UZ|VU|VE|VN|YE
ZM|ZW
""")
"""Members of the United Nations, but for Israel, whose capital is disputed."""

NAMES = {
    "BS": "the Bahamas", "CD": "the DR Congo", "CF": "the Central African Republic",
    "CG": "the Republic of the Congo", "CZ": "the Czech Republic", "DO": "the Dominican Republic", "FM": "Micronesia",
    "GM": "the Gambia", "KM": "the Comoros", "MH": "the Marshall Islands", "MK": "North Macedonia",
    "MV": "the Maldives", "NL": "the Netherlands", "PH": "the Philippines", "SB": "the Solomon Islands",
    "SC": "the Seychelles", "SZ": "Eswatini", "AE": "the United Arab Emirates", "GB": "the United Kingdom",
    "US": "the United States",
}  # fmt: skip
"""What a country is called within a sentence, where countryinfo has no article or an older name."""

CAPITALS = {
    "BI": ("Gitega",), "BO": ("Sucre", "La Paz"), "KZ": ("Astana",), "LK": ("Colombo", "Sri Jayawardenepura Kotte"),
    "SM": ("San Marino",), "SZ": ("Mbabane", "Lobamba"), "US": ("Washington", "Washington D.C."),
    "ZA": ("Pretoria", "Cape Town", "Bloemfontein"),
    "CI": ("Yamoussoukro", "Abidjan"), "KI": ("Tarawa", "South Tarawa"), "TV": ("Funafuti",),
}  # fmt: skip
"""Capitals that moved, seats of government that count as one, and spellings."""

CURRENCIES = {
    "BG": "EUR", "BO": "BOB", "BT": "BTN", "BY": "BYN", "CH": "CHF", "CL": "CLP", "CU": "CUP", "HR": "EUR", "HT": "HTG",
    "LS": "LSL", "MR": "MRU", "NA": "NAD", "PA": "PAB", "SL": "SLE", "ST": "STN", "SV": "USD", "US": "USD",
    "UY": "UYU", "VE": "VES", "ZM": "ZMW",
}  # fmt: skip
"""Currencies newer than those of countryinfo, and the one that counts where it has several."""

DEMONYMS = {
    "AE": "Emirati", "FR": "French", "GB": "British", "IE": "Irish", "NL": "Dutch", "PH": "Filipino",
    "AG": "Antiguan", "AR": "Argentine", "AZ": "Azerbaijani", "BA": "Bosnian", "CV": "Cape Verdean",
    "DJ": "Djiboutian", "EC": "Ecuadorian", "KG": "Kyrgyz", "KN": "Kittitian", "KZ": "Kazakh", "MV": "Maldivian",
    "PG": "Papua New Guinean", "SC": "Seychellois", "SM": "Sammarinese", "SR": "Surinamese", "SZ": "Swazi",
    "TJ": "Tajik", "UZ": "Uzbek", "VC": "Vincentian", "SA": "Saudi",
}  # fmt: skip

NO_DEMONYM = frozenset(listed("BW|CD|CF|CG|DM|DO|GW|IS|KI|LI|LS|LU|MH|MM|NE|SB|SI|VU"))
"""Where the word is shared with another country, or several are common."""

SOUTH_AMERICA = frozenset(listed("AR|BO|BR|CL|CO|EC|GY|PE|PY|SR|UY|VE"))
TWO_CONTINENTS = frozenset(listed("AM|AZ|CY|EG|GE|ID|KZ|RU|TL|TR"))
WITHOUT_CURRENCY = frozenset(["ZW"])
"""Where the money changed too often for one right answer."""

POPULATIONS = {"IE": 5_300_000}
AREAS = {"RS": 77_474}
"""Where countryinfo counts something else: all of the island of Ireland, Slovakia's area for Serbia."""

BORDERS = frozenset([("CN", "NP"), ("IN", "MM"), ("IQ", "KW"), ("SD", "TD")])
"""Land borders that countryinfo has on one side only. Others of that kind are bridges, mistakes, or disputed."""

NO_BORDERS = frozenset([("IN", "LK")])
"""What countryinfo takes for a border and is water."""

SHARED_CALLING_CODE = frozenset(["KZ"])


class Country(NamedTuple):
    """A country.

    Attributes:
        name: What it is called within a sentence: ``the Netherlands``.
        capitals: Its capital in plain letters, and what else is right, if anything.
        continent: Where it lies; None where it lies on two.
        currency: Its money, in its forms: ``yen`` and ``Japanese yen``; none where that is unclear.
        demonym: What somebody from there is called; None where that is unclear.
        domain: Its ending on the internet, such as ``.nl``.
        calling_code: The digits of its calling code; None where it has several or shares one.
        neighbours: Names of the countries on its land borders.
        population: People, some years ago.
        area: Square kilometres.
    """

    name: str
    capitals: tuple[str, ...]
    continent: str | None
    currency: tuple[str, ...]
    demonym: str | None
    domain: str
    calling_code: str | None
    neighbours: tuple[str, ...]
    population: int
    area: float


@cache
def countries() -> tuple[Country, ...]:
    """Returns the countries of `CODES`."""
    import countryinfo

    wanted = frozenset(CODES)
    records: dict[str, dict[str, Any]] = {}
    for item in countryinfo.all_countries():
        record: dict[str, Any] = dict(item.info())
        code = record["ISO"].get("alpha2")
        if code in wanted:
            records.setdefault(code, record)
    calling_codes = Counter(record["callingCodes"][0] for record in records.values())
    return tuple(_country(code, records, calling_codes) for code in CODES)


def plain(text: str) -> str:
    """Returns the text without accents, in ASCII."""
    return unicodedata.normalize("NFKD", text.replace("ʻ", "'")).encode("ascii", "ignore").decode()


def _country(code: str, records: dict[str, dict[str, Any]], calling_codes: Counter[str]) -> Country:
    record = records[code]
    capitals = CAPITALS.get(code, (record["capital"],))
    calling_code = record["callingCodes"][0]
    own_code = len(calling_code) <= 3 and calling_codes[calling_code] == 1 and code not in SHARED_CALLING_CODE
    return Country(
        name=_name(code, record),
        capitals=tuple(dict.fromkeys([plain(capitals[0]), *capitals])),
        continent=_continent(code, record),
        currency=() if code in WITHOUT_CURRENCY else _currency(CURRENCIES.get(code, record["currencies"][0])),
        demonym=None if code in NO_DEMONYM else DEMONYMS.get(code, record["demonym"]),
        domain=record["tld"][0],
        calling_code=calling_code if own_code else None,
        neighbours=tuple(_name(other, records[other]) for other in CODES if _border(code, other, records)),
        population=POPULATIONS.get(code, record["population"]),
        area=AREAS.get(code, record["area"]),
    )


def _border(one: str, other: str, records: dict[str, dict[str, Any]]) -> bool:
    pair = records[one], records[other]
    if (codes := tuple(sorted((one, other)))) in BORDERS | NO_BORDERS:
        return codes in BORDERS
    return all(here["ISO"]["alpha3"] in there["borders"] for here, there in (pair, pair[::-1]))


def _name(code: str, record: dict[str, Any]) -> str:
    return plain(NAMES.get(code, record["name"]))


def _continent(code: str, record: dict[str, Any]) -> str | None:
    if code in TWO_CONTINENTS:
        return None
    if record["region"] == "Americas":
        return "South America" if code in SOUTH_AMERICA else "North America"
    return str(record["region"])


def _currency(code: str) -> tuple[str, ...]:
    from babel import Locale

    *whose, noun = Locale("en").currencies[code].split()
    noun = noun.lower()
    shorter = ["CFA " + noun] if "CFA" in whose else []
    return tuple(dict.fromkeys([plain(noun), noun, *shorter, " ".join([*whose, noun])]))
