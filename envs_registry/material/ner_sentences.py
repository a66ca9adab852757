"""The sentences of TextGen-NER, and the words that fill them.

A sentence is a frame with slots. A slot in capitals is a mention: ``{PER}`` a person, ``{LOC}`` a place, ``{ORG}`` an
organisation, ``{DATE}`` a date, each with a digit if there are several: ``{PER2}``. A slot that comes twice is the same
entity, mentioned twice; ``{FAM}`` is the family name of ``{PER}`` alone. ``{AMBPER}``, ``{AMBLOC}`` and ``{AMBORG}``
are names that could be a person's, a place's or an organisation's: only the sentence tells. ``{YEAR}`` is a date too;
``{thing}`` and ``{job}`` are common words.
"""

from __future__ import annotations

from .pools import listed

THINGS = listed("""
kettle|ladder|lantern|piano|bicycle|parcel|painting|carpet|statue|camera|telescope|violin|kite|suitcase|wardrobe|clock
umbrella|typewriter|canoe|tractor|freezer|printer|oven|mirror|stove|sofa|helmet|trumpet|globe|basket|hammock|loom
anvil|compass|easel|cradle|jukebox|scooter|sewing machine|barometer|chandelier|accordion|rowing boat|weather vane
desk lamp
""")
JOBS = listed("""
baker|plumber|nurse|teacher|gardener|driver|carpenter|librarian|lawyer|dentist|pilot|farmer|tailor|waiter|painter|cook
butcher|florist|welder|surgeon|clerk|porter|sailor|cellist|juggler|beekeeper|goldsmith|locksmith|translator|referee
vet
""")

STEMS = listed("""
Norvik|Halden|Brightwater|Calder|Ashgrove|Redwood|Silverline|Corvus|Meridian|Solaris|Vantor|Quillon|Bramley|Ostara
Tarn|Kestrel|Ironbridge|Lumina|Zephyr|Orbis|Polaris|Veritas|Arden|Beacon|Cobalt|Dunmore|Evergreen|Fairmont|Granite
Harbour|Juniper|Keystone|Larkspur|Monarch|Northgate|Oakfield|Pinnacle|Quantum|Riverside|Summit|Trident|Unity|Vertex
Westbrook|Aldgate|Birchwood|Clearview|Driftwood|Eastfield|Fennel|Greystone|Hollybank|Ivybridge|Kingfisher|Longmead
Moorland|Nightingale|Osprey|Primrose|Rosewood|Starling|Thornfield|Umbra|Violet|Wildflower|Amberley|Blackthorn|Copper
Deepdale|Elmwood|Firefly|Goldcrest|Heron|Inverlea|Jasper|Kelpie|Linden|Magnolia|Nimbus|Opal|Pendulum|Quartz|Rowan
""")
"""What the names of organisations begin with."""

KINDS = listed("""
Bank|Airlines|Foods|Motors|Press|Studios|Hotels|Energy|Pharma|Textiles|Records|Insurance|Shipping|Steel|Software|Media
Group|Brothers|Orchestra|Rovers|United|College|Museum|Hospital|Railways|Breweries|Telecom|Institute|Theatre|Clinic
""")
"""What they end with."""

AMBIGUOUS = listed("""
Austin|Brooklyn|Carolina|Chad|Charlotte|Chelsea|Dakota|Florence|Georgia|Jordan|Lincoln|Madison|Savannah|Sydney
Victoria|Virginia|Washington|Houston|Jackson|Hamilton|Lancaster|Preston|Bradford|Kent|Devon|Chester|Darwin|Nelson
Perth|Geneva|Orlando|Verona|Siena|Paris|Valencia|Santiago|Lourdes|Kingston|Melbourne|Phoenix|Cleveland|Dallas|Trenton
Raleigh|Logan
""")
"""Names of people, places and, by way of these, firms."""

NONE = listed("""
The {thing} was repaired by a {job} within the hour.|Nobody knew who had left the {thing} in the yard.
A {job} and two helpers carried the {thing} upstairs.|We waited for the {job}, but nobody came.
The old {thing} still works, although the {job} had given up on it.|My neighbour wants to become a {job}.
It rained all morning, so the {job} stayed at home.|There is a {thing} for sale at the corner shop.
The {job} told us that the {thing} would be ready soon.|She paid the {job} in cash and took the {thing} home.
Every {job} in the village owns a {thing}.|The children painted the {thing} green, much to the dismay of the {job}.
Who would lend a {thing} to a {job} these days?|The museum shop sells postcards and a small {thing}.
He had never seen a {thing} of that size, let alone repaired one.|The {thing} fell off the shelf and missed the {job}.
After lunch the {job} went back to the {thing}.|For years the {thing} had stood in the attic under a sheet.
""")

ONE = listed("""
{PER} has a new {thing}.|Yesterday {PER} bought a {thing} from a {job}.|The {job} asked {PER} about the {thing}.
{PER} wants to become a {job}.|Nobody but {PER} could play the {thing}.|The {thing} belongs to {PER}, the {job}.
They spent their holidays in {LOC}.|The {thing} was made in {LOC}.|{LOC} is famous for its markets.
A {job} from {LOC} won the first prize.|The train to {LOC} was late again.|It never snows in {LOC}, says the {job}.
The {thing} was delivered by {ORG}.|{ORG} is looking for a {job}.|The {job} has left {ORG} for good.
{ORG} has apologised for the broken {thing}.|Shares of {ORG} fell sharply.|A {job} at {ORG} found the {thing}.
The {thing} broke on {DATE}.|The shop has been closed since {DATE}.|On {DATE} the {job} finally called back.
The {job} promised to bring the {thing} by {DATE}.|The letter was dated {DATE}.|Nothing has worked since {DATE}.
""")

SEVERAL = listed("""
{PER} met {PER2} at a concert in {LOC}.|{PER} moved from {LOC} to {LOC2} to work as a {job}.
{PER} joined {ORG} on {DATE}.|{ORG} opened an office in {LOC} on {DATE}.|{PER} left {LOC} for good on {DATE}.
{ORG} has named {PER} head of its branch in {LOC}.|The {thing} that {PER} sold to {PER2} came from {LOC}.
{ORG} and {ORG2} will merge on {DATE}.|The flight from {LOC} to {LOC2} is run by {ORG}.
On {DATE}, {PER} bought a {thing} in {LOC}.|{PER}, a {job} from {LOC}, won against {PER2}.
Between {LOC} and {LOC2} the road was closed.|Both {PER} and {PER2} have worked for {ORG}.
{PER} wrote to {ORG} about the {thing}.|The {job} at {ORG}, {PER}, was born in {LOC}.
Since {DATE} the {thing} has been in {LOC}.|{ORG} owes {PER} a new {thing}.|{LOC} will play against {LOC2} on {DATE}.
"I was in {LOC} then," said {PER}, who now lives in {LOC2}.|The contract between {ORG} and {PER} ended on {DATE}.
{PER} and the {job} drove the {thing} to {LOC}.|Fans of {PER} waited outside {ORG} in {LOC}.
From {LOC}, {PER} sent the {thing} to {ORG}.
""")

HARD = listed("""
{PER} called {ORG}, and {ORG} called back.|{PER} opened a shop in {LOC}. {FAM} then sold it to {ORG}.
Mr {FAM}, or {PER} to his friends, was a {job} in {LOC}.|Dr {FAM} of {ORG} denied this. {PER} had been in {LOC}.
{LOC} or {LOC2}? {PER} chose {LOC2}.|The {job} asked {AMBPER} for the {thing}, and {AMBPER} laughed.
{AMBPER} and {PER} took the bus to {LOC}.|The road to {AMBLOC} is closed, and so is the one to {LOC}.
In {AMBLOC}, {PER} works as a {job} for {ORG}.|A {job} at {AMBORG} says that {ORG} pays better.
{AMBORG} has hired {PER} as its chief {job}.|{AMBPER} told {AMBPER2} that the {thing} had come from {LOC}.
The mayor of {AMBLOC} thanked {AMBPER2} for the {thing}.|Shares of {AMBORG} rose on {DATE}, said {AMBPER2}, a {job}.
{AMBPER} was born in {AMBLOC2} and works for {ORG}.|My friend {AMBPER} has not been in {LOC} since {DATE}.
{ORG} flies to {AMBLOC} twice a week, and to {LOC} on request.
{PER}'s {thing} was found in {AMBLOC}, on the way to {LOC}.|Is {AMBPER} with {ORG} now? {PER} has heard so.
The company {AMBORG} of {AMBLOC2} was founded by {PER} in {YEAR}.|{LOC}'s team lost; {LOC2}'s, with {PER}, won.
The {job} of the year {YEAR} was {PER} of {ORG}.|Room 14, {thing} number 3: {PER}, {ORG}, paid on {DATE}.
""")
