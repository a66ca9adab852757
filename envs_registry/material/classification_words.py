"""What the lines of TextGen-Classification are made of: the words that carry a label, and the frames around them.

A line has one such word or phrase, drawn from the pool of its split; all the rest is the same for every label.
"""

from __future__ import annotations

from .pools import listed

THINGS = listed("""
kettle|lamp|backpack|blender|toaster|umbrella|pillow|blanket|wallet|mirror|vase|clock|radio|camera|printer|keyboard
desk|stool|shelf|rug|curtain|suitcase|bicycle|helmet|tent|torch|flask|teapot|frying pan|mug|knife set|chopping board
hairdryer|razor|scarf|coat|jumper|hat|watch|necklace|notebook|fountain pen|puzzle|board game|toy train|guitar|drum
mattress|armchair|bookcase|heater|fan|vacuum cleaner|drill|ladder|hammer|watering can|bird house|dog basket|phone case
""")
"""What a line may be about when the sentiment is asked: products that can be anything."""

WORDS: dict[str, tuple[str, ...]] = {
    "positive": listed("""
superb|wonderful|excellent|fantastic|brilliant|lovely|delightful|marvellous|splendid|magnificent|terrific|outstanding
exceptional|gorgeous|beautiful|charming|perfect|flawless|amazing|fabulous|first-rate|top-notch|impressive|stunning
a joy to use|a delight|a treasure|a gem|a pleasure|a real bargain|worth every penny|great value|well made
beautifully made|sturdy and elegant|a dream come true|a masterpiece|sensational|phenomenal|faultless|exquisite
admirable|heavenly|glorious|a triumph|a winner|my favourite thing in the house|the best I have ever owned
better than the pictures|spot on|spectacular|incredibly handy|wonderfully quiet|remarkably solid|a little miracle
second to none|sublime|ingenious|adorable|fabulously soft
"""),
    "negative": listed("""
dreadful|terrible|awful|horrible|useless|disappointing|appalling|atrocious|shoddy|flimsy|worthless|hopeless|pathetic
abysmal|faulty|defective|unusable|ugly|hideous|rubbish|dire|lousy|ghastly|unreliable|overpriced|poorly made|badly made
a disaster|a waste of money|a letdown|a nuisance|a fraud|a bad joke|a complete failure|an insult|an eyesore
a nightmare|junk|beneath contempt|cheap and nasty|not worth the postage|not fit for use|unacceptable|miserable
disgraceful|deplorable|broken beyond repair|the worst I have ever owned|worse than the old one|a shambles|a swindle
inferior|infuriating|clumsy|riddled with faults|laughably weak|painfully slow|wretched|lamentable|a mess
an embarrassment
"""),
    "neutral": listed("""
grey|beige|navy blue|dark green|light brown|off-white|turquoise|maroon|olive green|pale yellow|cream-coloured|dark red
silver|black and white|striped|two-tone|rectangular|oval|square|round|medium-sized|of average size|as wide as my hand
the larger of the two sizes|the smaller model|the model from last year|the one from page nine|made of steel
made of plastic|made in Portugal|made of two parts|from the spring catalogue|the standard version
the third one of its kind|a replacement for the old one|number six on my list|still in its box|still in the hallway
back from the workshop|on the kitchen table|in the spare room|at my office now|a present for my cousin|for my sister
listed under household goods|sold in packs of one|about two kilos in weight|thirty centimetres long
meant for the cottage|due back in our flat in May|the same as in the picture|one of four that we ordered
wrapped in brown paper|next to the door|registered under my name|with my neighbour at the moment|now in the attic
on its way to my parents|for indoor use
"""),
}
"""What may be said of a thing after "is", by the sentiment that it shows."""

DEEDS: dict[str, tuple[str, ...]] = {
    "positive": listed("""
made my whole week|brings a smile to my face|delighted the entire family|won us over at once|exceeded all our hopes
has earned five stars|works like a charm|is everything I wished for|impressed all my guests|deserves a prize
has never let me down|makes life so much easier|was love at first sight|keeps us happy every day|fits like a glove
turned out to be a great find|put me in a good mood|gets nothing but praise from us|beats all others by far
was exactly right from day one|still thrills me|has my warmest recommendation
"""),
    "negative": listed("""
fell apart in my hands|let me down badly|broke on the first day|stopped working after an hour|smells of burnt rubber
gave me nothing but trouble|went straight into the bin|ruined our weekend|came with a crack and two missing screws
drives me up the wall|leaks all over the floor|left me angry and out of pocket|did not survive the first evening
was not what I paid for|scratches everything it touches|cost me my patience|makes an unbearable noise
rusted within a week|deserves no stars at all|had to be thrown away|never worked properly|makes me regret the order
"""),
    "neutral": listed("""
arrived on a Tuesday|comes in a cardboard box|has two handles and a label|was delivered next door
stands in the hallway|weighs a little over a kilo|has a serial number on the back|will be used from next month
was ordered by my brother|is listed on page four|comes with a leaflet in six languages|went to my parents
belongs to the office now|was the second of three parcels|has a tag with a bar code|measures forty by sixty
is for the guest room|has been sent to the new address|was shipped from Rotterdam|is stored in the cellar
has a lid and a base
"""),
}
"""What a thing may have done, by the sentiment that it shows."""

CONTEXTS = listed("""
I bought it for my office.|It was on the list for our new flat.|My sister had ordered it online.
We use it in the kitchen.|I am writing because you asked.|This is about order number {number}.
My order number is {number}.|I paid by card.|It came by courier at noon.|I had read about it in a magazine.
This is my first review.|I live in a small town.|We are a family of four.|I have been a customer since {year}.
It was paid for in advance.|I chose it with my son.|My colleague has the same one.|You asked me for a few words.
It was a birthday present.|I am seventy and live alone.|We moved here in {year}.|I signed for it myself.
My flatmate opened the parcel.|I found your shop in {year}.
""")
"""Sentences that say nothing about the label."""

PLAIN = listed("""
The {thing} is {word}.|My new {thing} is {word}.|This {thing} is {word}.|The {thing} from your shop is {word}.
All in all, the {thing} is {word}.|What can I say? The {thing} is {word}.|As it turns out, the {thing} is {word}.
The {thing} that I ordered is {word}.|We find that the {thing} is {word}.|The {thing} we got in {year} is {word}.
""")
DONE = listed("""
The {thing} {deed}.|My new {thing} {deed}.|This {thing} {deed}.|The {thing} from your shop {deed}.
The {thing} that I ordered {deed}.|For the record: the {thing} {deed}.|As for the {thing}, it {deed}.
The {thing} with the number {number} {deed}.
""")
REVERSED = listed("""
The {thing} is anything but {word}.|The {thing} is by no means {word}.
I would not call the {thing} {word}, quite the opposite.
Whoever says that the {thing} is {word} has never seen it. The opposite is true.
They promised that the {thing} would be {word}. It is the very opposite.
""")
"""Frames that turn a sentiment into its opposite."""

CONTRASTED = listed("""
My neighbour says that the {thing} is {other}, but I know better: it is {word}.
I had expected that the {thing} would be {other}; in fact it is {word}.
Where others write that the {thing} is {other}, I can only say that it is {word}.
At first I thought that the {thing} was {other}. I was wrong: it is {word}.
""")
"""Frames in which the second word is the author's."""

REPORTED = listed("""
My neighbour says that the {thing} is {other}. I have not opened mine yet.
One review says that the {thing} is {other}. I have no opinion of my own so far.
Somebody told me that the {thing} is {other}. I cannot say whether that is so.
""")
"""Frames in which the author has no opinion: the label is neutral, whatever the word."""

NOUNS: dict[str, tuple[str, ...]] = {
    "books": listed("""
novel|thriller|biography|cookbook|dictionary|atlas|volume of verse|police procedural|paperback|hardback|encyclopedia
travelogue|memoir|anthology|trilogy|audiobook|comic|picture book|textbook|romance|short story collection
fairy tale volume|whodunit|history of Rome|guide to birds|second chapter|epilogue|bestseller|fantasy saga
book of essays|sequel
"""),
    "clothes": listed("""
jacket|coat|cardigan|blouse|skirt|dress|tank top|pullover|raincoat|waistcoat|scarf|dressing gown|tracksuit|hoodie
shirt|woollen hat|poncho|kimono|shawl|beanie|bathrobe|swimsuit|tie|belt|suit|anorak|parka|corset|evening gown|blazer
nightdress|tunic|romper
"""),
    "electronics": listed("""
laptop|charger|headset|monitor|smartphone|tablet|router|keyboard|printer|loudspeaker|television|remote control|webcam
console|memory card|hard drive|power bank|microphone|scanner|projector|smartwatch|camera|hi-fi|amplifier|e-reader
graphics card|motherboard|alarm system|USB stick|wireless mouse|turntable|drone|radio receiver
"""),
    "food": listed("""
soup|cheese|bread|olive oil|chocolate|honey|espresso|green tea|pasta sauce|lasagne|curry|salad|rice|jam|marmalade
pizza|cake|yoghurt|ice cream|salmon|ham|peanut butter|muesli|apple juice|cheddar|mustard|risotto|fruit tart
gingerbread|stew|lemon sorbet|bacon|chutney
"""),
    "furniture": listed("""
sofa|armchair|bookcase|wardrobe|dining table|bed frame|mattress|chest of drawers|ottoman|desk|bar stool|rocking chair
sideboard|bunk bed|bench for the hall|footstool|shoe cabinet|corner shelf|TV stand|dresser|recliner|chaise longue
vitrine|nightstand|beanbag|hallstand|hat rack|futon|bureau|settee|couch
"""),
    "garden": listed("""
lawn mower|hedge trimmer|watering can|hosepipe|wheelbarrow|rake|spade|greenhouse|compost bin|rose bush|apple sapling
bag of potting soil|pack of tomato seeds|flower bed|sprinkler|trellis|bird bath|gnome|pruning shears|hanging basket
terracotta pot|parasol|picket fence|box of tulip bulbs|lavender plant|raised bed|tool shed|leaf blower|rain barrel
trowel|weeding hoe|climbing rose
"""),
    "toys": listed("""
teddy bear|doll|farm set|clockwork train|set of building blocks|jigsaw puzzle|board game|deck of cards|rocking horse
kite|spinning top|marble run|doctor's kit|wooden farm|model aeroplane|yo-yo|dinosaur figure|play tent|set of crayons
tin drum|rattle|tipper truck|skipping rope|water pistol|magic set|stuffed rabbit|puppet theatre|pirate ship
knight's castle|racing track|bubble machine|modelling clay
"""),
    "travel": listed("""
flight|cruise|hotel room|guided tour|ferry crossing|night train|coach trip|hire car|airport transfer|beach resort
city break|safari|package holiday|boarding pass|hostel|mountain lodge|campsite|mountain hike|stopover in Rome
railway pass|skiing week|honeymoon suite|travel insurance|minibus ride|boat excursion|self-catering flat|guest house
return ticket|couchette|check-in counter|day of sightseeing|travel agent
"""),
}
"""What a line may be about, by topic."""

REMARKS: dict[str, tuple[str, ...]] = {
    "books": listed("""
I could not stop after the first chapter.|The ending came fifty pages too late.
Several pages were printed upside down.|The author knows how to tell a story.|The translation reads badly.
The plot made no sense to me.|I read it in one sitting.|The spine broke on page forty.|The hero dies far too early.
The print is too small for my eyes.
"""),
    "clothes": listed("""
It shrank in the wash.|The sleeves are too long.|The zip is stuck.|It is too tight around the waist.
Two buttons came off.|I wear a medium, and this is a small.|The seam came undone.|The wool scratches.
It keeps me warm and does not crease.|The collar will not stay in place.
"""),
    "electronics": listed("""
It will not switch on.|The battery lasts two days.|The screen stays black.|It loses the signal all the time.
The software wants an update every day.|It overheats while charging.|The display flickers.|There is no driver for it.
The Bluetooth connection drops.|It has four ports and a fast processor.
"""),
    "food": listed("""
It was far too salty.|It tasted of nothing.|We ate it up in one evening.|It melts on the tongue.|It was past its date.
The crust was burnt.|There was a hair in it.|It needs more garlic.|The filling was still raw.
It was sweet, but not too sweet.
"""),
    "furniture": listed("""
One of its legs is shorter than the others.|The drawers will not close.|It wobbles when you sit down.
Two of us assembled it in an hour.|The varnish has a scratch.|The cushions sag.|It is too wide for our living room.
The armrest came loose.|The veneer peels off at the corners.|The backrest creaks.
"""),
    "garden": listed("""
Nothing has come up so far.|The slugs ate every leaf.|It blooms from May to August.|The blade does not cut wet grass.
It died in the first frost.|The roots had rotted.|We have never harvested so much.|It needs watering twice a day.
The petals turned brown.|It leaks where the hose goes in.
"""),
    "toys": listed("""
My daughter will not go to sleep without it.|The children play with it all day.
One of the wheels came off at playtime.|My grandson is too old for it.|Half of the pieces were missing.
It squeaks when you squeeze it.|My niece has given it a name.|It is said to be for ages three and up.
The dice were not in the box.|The kids built a tower with it.
"""),
    "travel": listed("""
We missed our connection in Vienna.|Our luggage was lost on the way.|The view from the balcony was lovely.
The departure was four hours late.|Our guide spoke six languages.|The pool was closed all week.|They had overbooked.
We were met at the airport.|The breakfast room had a view of the harbour.|My seat was next to the engine.
"""),
}
"""What a line may say without naming the thing, by topic."""

VERDICTS = listed("""
was a disappointment|was just what we wanted|cost more than I expected|was recommended by a friend|is worth the price
was not as described|made us all very happy|is better than the last one|left a lot to be desired
was a birthday present|could not be cheaper|was a pleasant surprise|is nothing special|deserves three stars
has been on my list since {year}|was not what I had asked for|was perfect for the two of us
is hard to beat at this price|made me write this
""")
ABOUT = listed("""
The {noun} {verdict}.|Our {noun} {verdict}.|The {noun} from your website {verdict}.
What I am writing about: the {noun} {verdict}.|As for the {noun}, it {verdict}.|About the {noun}: it {verdict}.
I must say that the {noun} {verdict}.
""")
ASIDE = listed("""
I once ordered the {other} from you, but this is about the {noun}: it {verdict}.
Forget the {other}. What matters is the {noun}, which {verdict}.
I wrote about the {other} last week. Today it is the {noun}: it {verdict}.
The {other} is another story. The {noun} {verdict}.
""")
"""Frames that name a thing of another topic in passing."""
OPENINGS = listed("""
What I have to say is this.|Let me be brief.|Just a short note.|I want to tell you something.|A word about my order.
You asked how it went.|I thought that you should know.|Here is my review.|This is what happened.|One more thing.
I am a regular customer.|Hello to the team.|Dear team.|To whom it may concern.|Good morning.
""")
"""What stands before a remark."""
