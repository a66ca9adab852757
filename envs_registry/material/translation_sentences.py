"""Sentences in four languages at once, with slots for content, and the nouns that go into some of them.

A slot names a kind of content, such as ``{city}`` or ``{country.in}``: the form of it that the place in the sentence
needs, with article, preposition or gender. What is no noun of ours is in `translation_tables`.
"""

from __future__ import annotations

from typing import NamedTuple

LANGUAGES = {"en": "English", "de": "German", "fr": "French", "zh": "Chinese"}

WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "name": {
        "en": ("Anna", "Paul", "Maria", "Peter", "Emma", "Lukas", "Sophie", "Thomas", "Julia", "David"),
        "de": ("Anna", "Paul", "Maria", "Peter", "Emma", "Lukas", "Sophie", "Thomas", "Julia", "David"),
        "fr": ("Anna", "Paul", "Maria", "Peter", "Emma", "Lukas", "Sophie", "Thomas", "Julia", "David"),
        "zh": ("安娜", "保罗", "玛丽亚", "彼得", "艾玛", "卢卡斯", "索菲", "托马斯", "朱莉娅", "大卫"),
    },
    "relative": {
        "en": ("My mother", "My father", "My grandmother", "My grandfather"),
        "de": ("Meine Mutter", "Mein Vater", "Meine Großmutter", "Mein Großvater"),
        "fr": ("Ma mère", "Mon père", "Ma grand-mère", "Mon grand-père"),
        "fr.born": ("née", "né", "née", "né"),
        "zh": ("我妈妈", "我爸爸", "我奶奶", "我爷爷"),
    },
    "place": {
        "en": ("museum", "shop", "library", "bakery", "bank", "pharmacy", "swimming pool", "market"),
        "de": ("Das Museum", "Der Laden", "Die Bibliothek", "Die Bäckerei", "Die Bank", "Die Apotheke",
               "Das Schwimmbad", "Der Markt"),
        "fr": ("Le musée", "Le magasin", "La bibliothèque", "La boulangerie", "La banque", "La pharmacie",
               "La piscine", "Le marché"),
        "fr.closed": ("fermé", "fermé", "fermée", "fermée", "fermée", "fermée", "fermée", "fermé"),
        "zh": ("博物馆", "商店", "图书馆", "面包店", "银行", "药店", "游泳池", "市场"),
    },
    "event": {
        "en": ("meeting", "concert", "exam", "party", "wedding"),
        "de": ("Das Treffen", "Das Konzert", "Die Prüfung", "Die Feier", "Die Hochzeit"),
        "de.for": ("das Treffen", "das Konzert", "die Prüfung", "die Feier", "die Hochzeit"),
        "fr": ("La réunion", "Le concert", "L'examen", "La fête", "Le mariage"),
        "fr.for": ("la réunion", "le concert", "l'examen", "la fête", "le mariage"),
        "zh": ("会议", "音乐会", "考试", "聚会", "婚礼"),
    },
    "vehicle": {
        "en": ("bus", "train", "express train"),
        "de": ("Der Bus", "Der Zug", "Der Schnellzug"),
        "fr": ("Le bus", "Le train", "Le train express"),
        "zh": ("大巴", "火车", "特快列车"),
    },
    "luggage": {
        "en": ("package", "suitcase", "bag", "box"),
        "de": ("Das Paket", "Der Koffer", "Die Tasche", "Die Kiste"),
        "fr": ("Le colis", "La valise", "Le sac", "La caisse"),
        "fr.object": ("le colis", "la valise", "le sac", "la caisse"),
        "zh": ("这个包裹", "这个行李箱", "这个包", "这个箱子"),
    },
    "goods": {
        "en": ("table", "lamp", "bicycle", "coat", "book", "ticket", "chair", "clock"),
        "de": ("Dieser Tisch", "Diese Lampe", "Dieses Fahrrad", "Dieser Mantel", "Dieses Buch", "Diese Eintrittskarte",
               "Dieser Stuhl", "Diese Uhr"),
        "fr": ("Cette table", "Cette lampe", "Ce vélo", "Ce manteau", "Ce livre", "Ce billet", "Cette chaise",
               "Cette horloge"),
        "zh": ("这张桌子", "这盏灯", "这辆自行车", "这件大衣", "这本书", "这张票", "这把椅子", "这个钟"),
    },
    "things": {
        "en": ("chairs", "tables", "cups", "plates", "bottles", "lamps", "books", "umbrellas"),
        "de": ("Stühle", "Tische", "Tassen", "Teller", "Flaschen", "Lampen", "Bücher", "Regenschirme"),
        "fr": ("chaises", "tables", "tasses", "assiettes", "bouteilles", "lampes", "livres", "parapluies"),
        "zh": ("把椅子", "张桌子", "个杯子", "个盘子", "个瓶子", "盏灯", "本书", "把雨伞"),
    },
    "solid": {
        "en": ("flour", "sugar", "butter"),
        "de": ("Mehl", "Zucker", "Butter"),
        "fr": ("farine", "sucre", "beurre"),
        "zh": ("面粉", "糖", "黄油"),
    },
    "liquid": {
        "en": ("milk", "water", "oil"),
        "de": ("Milch", "Wasser", "Öl"),
        "fr": ("de lait", "d'eau", "d'huile"),
        "zh": ("牛奶", "水", "油"),
    },
}  # fmt: skip
"""Words of our own, by kind, language and form; the same place is the same thing in every list."""


class Frame(NamedTuple):
    """A sentence in every language, with slots."""

    en: str
    de: str
    fr: str
    zh: str


FRAMES = (
    Frame(
        "The {vehicle} to {city} leaves on {weekday} at {time}.",
        "{vehicle} nach {city} fährt am {weekday} um {time} ab.",
        "{vehicle} pour {city} part {weekday} à {time}.",
        "去{city}的{vehicle}{weekday}{time}出发。",
    ),
    Frame(
        "Our flight lands in {city} at {time} on {weekday}.",
        "Unser Flug landet am {weekday} um {time} in {city}.",
        "Notre vol atterrit à {city} {weekday} à {time}.",
        "我们的航班{weekday}{time}在{city}降落。",
    ),
    Frame(
        "The {place} opens at {hours.from} and closes at {hours.to}.",
        "{place} öffnet um {hours.from} und schließt um {hours.to}.",
        "{place} ouvre à {hours.from} et ferme à {hours.to}.",
        "{place}{hours.from}开门，{hours.to}关门。",
    ),
    Frame(
        "The {place} is closed from {span.from} to {span.to}.",
        "{place} ist vom {span.from} bis zum {span.to} geschlossen.",
        "{place} est {place.closed} du {span.from} au {span.to}.",
        "{place}从{span.from}到{span.to}关门。",
    ),
    Frame(
        "The {event} takes place in {city} on {day}.",
        "{event} findet am {day} in {city} statt.",
        "{event} a lieu à {city} le {day}.",
        "{event}{day}在{city}举行。",
    ),
    Frame(
        "The {event} starts on {weekday} at {time}.",
        "{event} beginnt am {weekday} um {time}.",
        "{event} commence {weekday} à {time}.",
        "{event}{weekday}{time}开始。",
    ),
    Frame(
        "{relative} was born in {city} on {birthday}.",
        "{relative} wurde am {birthday} in {city} geboren.",
        "{relative} est {relative.born} à {city} le {birthday}.",
        "{relative}{birthday}出生在{city}。",
    ),
    Frame(
        "{name} speaks {tongues.one} and {tongues.other}.",
        "{name} spricht {tongues.one} und {tongues.other}.",
        "{name} parle {tongues.one} et {tongues.other}.",
        "{name}会说{tongues.one}和{tongues.other}。",
    ),
    Frame(
        "{name} has been learning {tongue} for {years} years.",
        "{name} lernt seit {years} Jahren {tongue}.",
        "{name} apprend {tongue.the} depuis {years} ans.",
        "{name}学{tongue}已经{years}年了。",
    ),
    Frame(
        "{name} is going to {country} in {month}.",
        "{name} reist im {month} nach {country}.",
        "{name} part {country.in} en {month}.",
        "{name}{month}要去{country}。",
    ),
    Frame(
        "{name} lived in {country} for {years} years.",
        "{name} hat {years} Jahre in {country} gelebt.",
        "{name} a vécu {years} ans {country.in}.",
        "{name}在{country}住了{years}年。",
    ),
    Frame(
        "{name} is {age} years old and comes from {country}.",
        "{name} ist {age} Jahre alt und kommt aus {country}.",
        "{name} a {age} ans et vient {country.from}.",
        "{name}今年{age}岁，来自{country}。",
    ),
    Frame(
        "{name} works from {hours.from} to {hours.to}.",
        "{name} arbeitet von {hours.from} bis {hours.to}.",
        "{name} travaille de {hours.from} à {hours.to}.",
        "{name}从{hours.from}工作到{hours.to}。",
    ),
    Frame(
        "The route to {city} is {distance} kilometers long.",
        "Die Strecke nach {city} ist {distance} Kilometer lang.",
        "Le trajet jusqu'à {city} fait {distance} kilomètres.",
        "到{city}的路程是{distance}公里。",
    ),
    Frame(
        "The {luggage} weighs {weight} kilograms.",
        "{luggage} wiegt {weight} Kilogramm.",
        "{luggage} pèse {weight} kilogrammes.",
        "{luggage}重{weight}公斤。",
    ),
    Frame(
        "Tomorrow it will be {degrees} degrees in {city}.",
        "Morgen werden es {degrees} Grad in {city}.",
        "Demain, il fera {degrees} degrés à {city}.",
        "明天{city}的气温是{degrees}度。",
    ),
    Frame(
        "This {goods} costs {price} {money}.",
        "{goods} kostet {price} {money}.",
        "{goods} coûte {price} {money}.",
        "{goods}的价格是{price}{money}。",
    ),
    Frame(
        "The room in {city} costs {price} {money} a night.",
        "Das Zimmer in {city} kostet {price} {money} pro Nacht.",
        "La chambre à {city} coûte {price} {money} par nuit.",
        "{city}的房间每晚{price}{money}。",
    ),
    Frame(
        "We are staying in {city} from {span.from} to {span.to}.",
        "Wir bleiben vom {span.from} bis zum {span.to} in {city}.",
        "Nous restons à {city} du {span.from} au {span.to}.",
        "我们从{span.from}到{span.to}住在{city}。",
    ),
    Frame(
        "We need {count} {things} for the {event}.",
        "Für {event.for} brauchen wir {count} {things}.",
        "Il nous faut {count} {things} pour {event.for}.",
        "{event}需要{count}{things}。",
    ),
    Frame(
        "The dough needs {grams} grams of {solid} and {grams.other} milliliters of {liquid}.",
        "Für den Teig braucht man {grams} Gramm {solid} und {grams.other} Milliliter {liquid}.",
        "Pour la pâte, il faut {grams} grammes de {solid} et {grams.other} millilitres {liquid}.",
        "做面团需要{grams}克{solid}和{grams.other}毫升{liquid}。",
    ),
    Frame(
        "The {vehicle} to {city} leaves every {minutes} minutes.",
        "{vehicle} nach {city} fährt alle {minutes} Minuten.",
        "{vehicle} pour {city} part toutes les {minutes} minutes.",
        "去{city}的{vehicle}每{minutes}分钟发一班。",
    ),
    Frame(
        "The {vehicle} to {city} is {minutes} minutes late.",
        "{vehicle} nach {city} hat {minutes} Minuten Verspätung.",
        "{vehicle} pour {city} a {minutes} minutes de retard.",
        "去{city}的{vehicle}晚点{minutes}分钟。",
    ),
    Frame(
        "The trip to {city} takes {trip.hours} hours and {trip.minutes} minutes.",
        "Die Fahrt nach {city} dauert {trip.hours} Stunden und {trip.minutes} Minuten.",
        "Le trajet jusqu'à {city} dure {trip.hours} heures et {trip.minutes} minutes.",
        "到{city}需要{trip.hours}小时{trip.minutes}分钟。",
    ),
    Frame(
        "{match.winner} won {match.more} to {match.less} against {match.loser}.",
        "{match.winner} hat mit {match.more} zu {match.less} gegen {match.loser} gewonnen.",
        "{match.winner} a gagné {match.more} à {match.less} contre {match.loser}.",
        "{match.winner}以{match.more}比{match.less}战胜了{match.loser}。",
    ),
    Frame(
        "The {luggage} was sent to {country} on {day}.",
        "{luggage} wurde am {day} nach {country} geschickt.",
        "On a envoyé {luggage.object} {country.in} le {day}.",
        "{luggage}于{day}寄往{country}。",
    ),
    Frame(
        "Today is {today.weekday}, {today}.",
        "Heute ist {today.weekday}, der {today}.",
        "Nous sommes le {today.weekday} {today}.",
        "今天是{today}，{today.weekday}。",
    ),
)
"""The sentences; a slot names a kind of content, or, after a dot, the form of it that its place needs."""
