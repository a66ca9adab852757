"""The bank of TextGen-Poetry: half-lines of known length, which any subject may be told with.

A line is a determiner, a subject and what it does (4 syllables), then an ending of the setting: *The river bends* and
*beneath the stars*. Syllables and rhymes are those of the CMU Pronouncing Dictionary;
        a test counts and hears them all.
"""

from __future__ import annotations

from typing import NamedTuple


class Subject(NamedTuple):
    """Something to write about.

    Attributes:
        noun: The word.
        doings: What it does; with the noun and a determiner, 4 syllables.
        looks: What it is like, in 2 syllables.
    """

    noun: str
    doings: tuple[str, ...]
    looks: tuple[str, ...]


class Setting(NamedTuple):
    """When or where a poem takes place.

    Attributes:
        phrase: As a prompt says it.
        two: Pairs of rhyming endings of 2 syllables.
        four: Pairs of rhyming endings of 4 syllables.
        three: Endings of 3 syllables, for haiku.
        five: Lines of 5 syllables that open a haiku.
    """

    phrase: str
    two: tuple[tuple[str, str], ...]
    four: tuple[tuple[str, str], ...]
    three: tuple[str, ...]
    five: tuple[str, ...]


def _subject(line: str) -> Subject:
    noun, doings, looks = line.split(": ")
    return Subject(noun, tuple(doings.split(", ")), tuple(looks.split(", ")))


def _setting(phrase: str, two: str, four: str, three: str, five: str) -> Setting:
    return Setting(phrase, _pairs(two), _pairs(four), tuple(three.split(", ")), tuple(five.split("; ")))


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (" ".join(pair.split()).split(" / ") for pair in text.split(";"))
    return tuple((first, second) for first, second in pairs)


SUBJECTS = tuple(
    map(
        _subject,
        """\
river: runs, bends, sings: silver, little
lantern: glows, swings, burns: paper, yellow
garden: sleeps, wakes, grows: quiet, hidden
sparrow: sings, hops, waits: tiny, hungry
candle: burns, shines, shakes: little, lonely
window: glows, shakes, shines: narrow, open
meadow: sleeps, shines, waits: golden, open
harbor: sleeps, wakes, shines: busy, silent
spider: spins, waits, climbs: patient, clever
kettle: sings, hums, boils: copper, dented
heron: waits, stands, wades: patient, silver
willow: sways, bends, sighs: ancient, weary
fountain: sings, plays, sleeps: marble, mossy
sailor: sings, dreams, waits: weary, sleepy
baker: hums, works, waits: early, cheerful
farmer: rests, works, walks: weary, honest
robin: sings, hops, waits: early, cheerful
rabbit: hides, runs, waits: nervous, little
letter: waits, burns, drifts: faded, secret
mirror: shines, waits, gleams: dusty, silver
hammer: rings, falls, swings: heavy, iron
engine: hums, sleeps, coughs: rusty, heavy
curtain: sways, falls, stirs: velvet, faded
pebble: shines, rolls, waits: silver, shiny
puddle: shines, gleams, spreads: muddy, silver
kitten: sleeps, plays, waits: sleepy, tiny
orchard: sleeps, blooms, waits: apple, ancient
cottage: sleeps, glows, waits: crooked, lonely
village: sleeps, wakes, glows: sleepy, distant
city: sleeps, hums, glows: restless, crowded
market: wakes, hums, sleeps: crowded, noisy
mountain: waits, sleeps, looms: silent, ancient
island: sleeps, waits, shines: distant, lonely
valley: sleeps, shines, waits: narrow, silent
forest: sleeps, sighs, waits: ancient, silent
shadow: grows, moves, waits: silent, narrow
raven: calls, waits, glides: clever, silent
swallow: dives, turns, sings: restless, little
cricket: sings, chirps, waits: hidden, tiny
lily: wakes, sways, shines: quiet, slender
poppy: sways, burns, nods: crimson, fragile
apple: falls, shines, waits: golden, crimson
pumpkin: grows, glows, waits: heavy, golden
teacher: smiles, waits, dreams: gentle, patient
mother: hums, waits, smiles: gentle, weary
father: hums, rests, waits: patient, quiet
sister: laughs, sings, waits: little, clever
brother: laughs, waits, runs: little, clever
stranger: waits, walks, smiles: silent, weary
painter: works, dreams, waits: hungry, patient
fiddle: sings, rests, plays: wooden, merry
trumpet: rings, sings, gleams: golden, silver
ferry: waits, hums, glides: early, little
wagon: rests, rolls, waits: wooden, heavy
carriage: rolls, waits, sways: dusty, royal
snowman: stands, waits, smiles: silent, jolly
fire: burns, glows, dies: little, friendly
bridge: stands tall, hums low, sleeps on: wooden, ancient
moon: climbs high, shines bright, hangs low: golden, patient
train: rolls on, hums low, moves on: distant, midnight
boat: drifts on, rides low, turns home: wooden, little
ship: sails on, rides high, turns home: mighty, weary
owl: looks down, sits still, flies home: ancient, solemn
fox: slips by, trots home, runs free: clever, hungry
dog: lies still, runs free, barks twice: loyal, sleepy
cat: lies still, walks by, sits down: sleepy, clever
horse: runs free, stands still, trots home: patient, mighty
deer: stands still, slips by, looks up: gentle, nervous
bee: hums low, works hard, flies home: busy, golden
moth: flies by, floats by, sits still: dusty, silver
star: shines bright, looks down, burns on: distant, lonely
sea: rolls on, sleeps on, sings low: restless, mighty
lake: lies still, shines bright, sleeps on: silver, quiet
stone: lies still, rolls down, shines bright: silent, heavy
rose: blooms red, leans close, stands tall: crimson, thorny
leaf: floats by, falls down, drifts on: golden, lonely
oak: stands tall, leans close, sleeps on: ancient, mighty
clock: ticks on, hums low, stands still: wooden, patient
bell: rings out, swings slow, hums low: iron, distant
door: swings wide, stands shut, slams twice: wooden, crooked
road: winds on, runs on, leads home: dusty, narrow
field: lies still, shines bright, sleeps on: golden, empty
house: stands tall, sleeps on, waits still: crooked, empty
flame: burns on, leaps up, dies down: golden, hungry
smoke: drifts on, climbs high, floats by: silver, lazy
child: runs free, looks up, sleeps on: happy, sleepy
king: sits still, rides by, walks home: ancient, lonely
queen: rides by, looks down, walks home: silent, restless
dream: drifts on, slips by, comes back: golden, restless
song: drifts on, floats by, rings out: ancient, merry
kite: climbs high, floats by, dips low: crimson, paper
gull: cries out, floats by, glides home: hungry, restless
hen: sits still, walks by, looks up: busy, nervous
snail: creeps on, climbs slow, sits still: patient, silver
frog: sits still, sings on, looks up: happy, solemn
crow: calls out, flies home, looks down: clever, hungry
swan: glides by, floats on, sleeps on: silent, silver
wolf: runs free, slips by, looks up: hungry, silver
bear: sleeps on, walks by, sits down: heavy, sleepy""".splitlines(),
    )
)

SETTINGS = (
    _setting(
        "at dawn",
        "by day / in grey; at dawn / withdrawn; in light / past night",
        """before the day / in silver grey; as morning breaks / until it wakes; in early light / beyond the night;
        before the sun / when night is done; at break of day / along the way;
        while others sleep / where dreams run deep;
        beneath the glow / where dawn winds blow""",
        "in first light, before day, in the east, with the sun",
        "dawn comes to the hill; the first light of day; pale light on the wall; one bird wakes the rest",
    ),
    _setting(
        "at noon",
        "at noon / too soon; in light / so bright; in sun / as one",
        """in blinding heat / along the street; beneath the sun / till work is done; at height of day / not far away;
        in golden light / so warm and bright; in idle shade / where children played; at lazy noon / to one slow tune;
        when bells ring clear / for those so near""",
        "in the heat, without shade, in full light, past the shade",
        "noon sits on the roof; no wind and no shade; the sun stands straight up; bells ring twelve times now",
    ),
    _setting(
        "at dusk",
        "at last / so fast; in red / ahead; till night / in light",
        """as lights come on / when day is gone; in fading light / before the night; as shadows fall / along the wall;
        beneath the red / when birds have fled; as colors fade / in purple shade; in amber air / without a care;
        at end of day / in rose and grey""",
        "in the dusk, as light fades, into night, past the glow",
        "dusk settles like dust; the last red of day; one lamp, then two lamps; the day folds its wings",
    ),
    _setting(
        "at night",
        "at night / till light; unseen / serene; in dreams / it seems",
        """beneath the stars / past window bars; beneath the moon / to one slow tune;
        in silver light / throughout the night;
        while others sleep / in silence deep; through all the dark / across the park;
        in midnight air / and who knows where;
        where no one goes / and no one knows""",
        "in the dark, past midnight, under stars, without light",
        "night fills all the rooms; the stars lean in close; the long dark begins; moonlight on the floor",
    ),
    _setting(
        "in spring",
        "in May / all day; in green / serene; anew / in dew",
        """as blossoms fall / along the wall; in April rain / along the lane; in tender green / as yet unseen;
        where daisies grow / and breezes blow; in early May / the whole long day; as swallows sing / to welcome spring;
        in morning dew / in all that's new; on softer ground / with blooms all round""",
        "in new green, after snow, in warm air, among buds",
        "spring knocks at the door; green shoots everywhere; buds open at last; the snow lets go now",
    ),
    _setting(
        "in summer",
        "in heat / so sweet; in June / till noon; in sun / as one",
        """in midday heat / among the wheat; in golden hay / the whole long day; where berries grow / and rivers flow;
        beneath the sun / till day is done; in lazy air / without a care; on August nights / by little lights;
        in fields of gold / as bells are tolled""",
        "in the heat, through long days, in the wheat, all day long",
        "the long days of June; summer hums and hums; heat sleeps on the stones; bare feet in the grass",
    ),
    _setting(
        "in autumn",
        "in gold / in cold; in brown / through town; in haze / for days",
        """as colors turn / where embers burn; in yellow leaves / beside the sheaves; as acorns fall / along the wall;
        in rust and gold / in growing cold; when harvest ends / among old friends; in shorter days / in amber haze;
        in misty air / through branches bare; where leaves are blown / as if alone""",
        "in red leaves, through the mist, in the gold, after rain",
        "the leaves let go now; red leaves on the path; autumn lights its lamps; smoke and fallen fruit",
    ),
    _setting(
        "in winter",
        "in snow / below; in white / at night; in cold / of old",
        """in falling snow / where cold winds blow; on frozen ground / without a sound;
        in coats of white / in pale blue light;
        in silver frost / as if half lost; through bitter cold / so still, so old;
        while rivers freeze / by leafless trees;
        on longest nights / by candle lights""",
        "in the snow, under frost, in the cold, on thin ice",
        "snow covers the road; the cold holds its breath; white roofs and white fields; ice sings on the lake",
    ),
    _setting(
        "in the rain",
        "in rain / again; in grey / all day; in streams / in dreams",
        """in steady rain / along the lane; as puddles grow / in streams below; beneath the grey / all through the day;
        as showers fall / on roof and wall; in drops of glass / on shining grass;
        while raindrops pour / outside the door;
        beneath the drops / until it stops""",
        "in the rain, under clouds, in wet leaves, through grey rain",
        "rain drums on the roof; grey rain, grey morning; drops run down the glass; the whole street shines wet",
    ),
    _setting(
        "in the fog",
        "in grey / astray; unseen / between; alone / unknown",
        """in fog so white / without a light; in drifting grey / not far away; where nothing shows / where no one goes;
        in milky air / as if not there; behind the veil / in morning pale; without a sound / on hidden ground;
        half lost to view / in misty blue""",
        "in the fog, out of sight, in white air, half unseen",
        "fog erases roads; the world has gone white; no near and no far; the street ends in milk",
    ),
    _setting(
        "in a storm",
        "in fear / so near; in rain / in vain; by night / in fright",
        """in wind and rain / again, again; as thunder rolls / past leaning poles; in sudden glare / in roaring air;
        while branches break / beside the lake; beneath black skies / where thunder cries;
        as wild winds blow / on all below;
        through crash and roar / along the shore; in howling dark / with flash and spark""",
        "in the gale, under clouds, through the storm, in wild wind",
        "the storm shakes the door; black clouds over town; thunder rolls its drums; the wind wants to come",
    ),
    _setting(
        "by the sea",
        "at sea / so free; ashore / once more; in spray / all day",
        """beside the sea / so wild and free; along the shore / forever more; in salty spray / across the bay;
        where breakers roll / and church bells toll; upon the sand / where sea meets land;
        beside the tide / so deep and wide;
        where white waves break / within the wake""",
        "by the waves, on wet sand, near the shore, in salt air",
        "waves come and waves go; salt wind on the stones; the tide turns again; gulls over grey foam",
    ),
)
