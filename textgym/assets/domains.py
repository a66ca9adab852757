"""The things that customers write about: what they are called, and what can be said of them.

The notation is that of `grammar`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """What people write about one kind of thing: its names, and clauses about it that stand alone as sentences.

    ``kind`` is "goods", "media", "food", "place" or "service": what can go wrong with it, and how it is put right.
    """

    items: tuple[str, ...]
    got: tuple[str, ...]  # how the customer met it; a clause that says nothing about its quality
    good: tuple[str, ...]
    bad: tuple[str, ...]
    plain: tuple[str, ...]
    kind: str = "goods"


def bank(text: str) -> tuple[str, ...]:
    """The phrases of a block: one a line, or several a line between bars."""
    return tuple(phrase.strip() for line in text.strip().splitlines() for phrase in line.split("|") if phrase.strip())


_KITCHEN = Domain(
    items=bank("""
kettle|toaster|coffee machine|rice cooker|microwave|frying pan|waffle iron|bread maker|slow cooker
egg cooker|electric grill|oven|pan with the glass lid|pressure cooker"""),
    got=bank("""
I bought {it} {when}|I ordered {it} {when}|{it} was a gift from {who}|we replaced our old one with {it}
I chose {it} because of the price|I have used {it} for {span}|we got {it} for our new kitchen
I unpacked {it} {when}"""),
    good=bank("""
it heats up in [no time/under a minute/seconds]|it is [easy/a pleasure/so simple] to clean
it makes [perfect/excellent/wonderful] breakfast every morning
it is [quiet/surprisingly quiet/much quieter than our old one]
it looks [lovely/elegant/great/beautiful] in our kitchen|the buttons are large and clear
it uses [very little/less] power|it feels solid and well made|we use it every day and it never lets us down
the lid fits perfectly|it takes up hardly any space|even my {rel} can use it without help
the cord is long enough to reach every corner|it has already [saved us hours/paid for itself]
everything turns out [just right/perfectly/golden and crisp]|the timer is [handy/very handy/a great help]
the handle stays cool|it was ready to use in five minutes|I have not found a single fault
it does exactly what it should"""),
    bad=bank("""
it [leaks/drips] all over the counter|it stopped working after {span}
the handle [broke off/came loose/gets far too hot]|it smells of burnt plastic
it is [terribly/far too/awfully] loud|the lid does not close [properly/any more]|it burns everything
it takes forever to heat up|it is [impossible/a nightmare/very hard] to clean
one of the buttons is [stuck/already broken]|it turns itself off for no reason
there was rust on it after {span}|the cord is [much too short/frayed]
it blew a fuse the first time I used it|the glass cracked on the second day|water gets inside the display
it gets so hot that I am afraid to use it|half of the functions do not work
it feels [cheap/flimsy] and wobbles|the timer never rings"""),
    plain=bank("""
it comes in {n} colours|it holds [one litre/two litres/enough for four people]
the manual is in [English and French/six languages]|it weighs about [one/two/three] kilos
it stands next to the [sink/window/bread box]|I use it [once a week/every morning/at weekends]
the [old one/other model] looks almost the same|it has {n} settings"""),
)

_ELECTRONICS = Domain(
    items=bank("""
phone|tablet|laptop|smart watch|game console|e-reader|camera|old computer|mobile phone|notebook computer"""),
    got=bank("""
I bought {it} {when}|I have had {it} for {span}|{it} was a present for my {rel}
I ordered {it} from your website|I switched to {it} {when}|{it} arrived {when}|I use {it} for work
I picked {it} up {when}"""),
    good=bank("""
the battery lasts [all day/two full days/the whole weekend]
the [picture/screen] is [bright/sharp/clear/beautiful]
setting it up took [five minutes/no time at all/less than ten minutes]
it connects [at once/without any trouble/right away]|the sound is [rich/warm and clear/excellent]
it is fast and [reliable/never freezes]|it is light enough to carry everywhere
it survived a fall without a scratch|the menu is [simple/clear/easy to follow]|it charges in under an hour
the pictures are [stunning/wonderfully sharp]|my {rel} uses it every day and loves it
it works [perfectly/flawlessly/even better than I hoped]|the keys feel great|updates are quick and painless
it is the best one I have ever owned|it still works like new after {span}|it was worth every penny"""),
    bad=bank("""
the battery [is empty by noon/dies after an hour/will not charge]
the screen [went black/flickers all the time/cracked in my pocket]
it [freezes/crashes] [every few minutes/several times a day]
it loses the connection [constantly/all the time/every evening]|the sound is [thin/full of noise/terrible]
it gets [so hot that I cannot hold it/dangerously hot]|it will not turn on [any more/since {day}]
the charger [broke/stopped working] after {span}|half of the keys are stuck
it is slow and [full of errors/useless]|the last update made everything worse|it deleted all my photos
the instructions make no sense|it arrived with a scratch across the front
the buttons [fall off/do not respond]|it is already falling apart|it was sent with the wrong plug
the picture is blurry and dark"""),
    plain=bank("""
it has {n} ports|it is about the size of [a book/my hand/a postcard]
it comes with a cable and a [small manual/case/bag]
the menu can be set to [English/German/Spanish/four languages]|the memory can be [extended/upgraded]
it runs on [batteries/mains power]|the {colour} one costs the same
I use it mostly [at home/on the train/for music/for films]"""),
)

_CLOTHES = Domain(
    items=bank("""
jacket|coat|sweater|dress|shirt|scarf|hat|raincoat|suit|skirt|blouse|swimsuit|cardigan|pullover"""),
    got=bank("""
I bought {it} for {event}|I ordered {it} in {colour}|{it} was a gift for my {rel}
I have worn {it} for {span}|I saw {it} in your window|{it} came {when}|I took {it} on a trip
I tried {it} on at home"""),
    good=bank("""
it fits [perfectly/like a glove/just right]|the fabric is [soft/warm and soft/light and soft/thick but soft]
the colour is [even nicer than in the picture/lovely/rich and warm]|it kept me [dry/warm] all [day/winter]
the stitching is [neat/perfect/very fine]|it still looks new after {n} washes
I get compliments every time I wear it|it goes with everything
it feels [light/comfortable/wonderful] to wear|my {rel} wants one too|it has plenty of pockets
the zip runs smoothly|it is [beautifully/very well] made|it was wrapped with great care
I have already ordered a second one|it makes me feel [confident/great/elegant]"""),
    bad=bank("""
it [shrank/lost its shape/lost its colour] in the first wash
the zip [broke/jammed/came off] [on the second day/after {span}/the first time I wore it]
it is [far too small/two sizes too big/much too tight]|the fabric is [scratchy/thin/rough and stiff]
it smells [of chemicals/strange/like an old cellar]|the seams came apart after {span}
there was a [hole/stain/tear] in the sleeve|the colour is nothing like the picture
the buttons fell off one after another|it turned my other clothes {colour}|it lets the rain through
it looks cheap|the lining is already torn|it makes my skin itch|I was sent the wrong [size/colour]
it came without the [belt/buttons]"""),
    plain=bank("""
it comes in {n} sizes|it can be washed at thirty degrees|the {colour} one is sold out|it has {n} pockets
it is made of [cotton/wool/leather/linen]|I usually wear a [small/medium/large]
it is meant for [autumn/spring/cold days]|the label says it was made in [Italy/Portugal/India]"""),
)

_SHOES = Domain(
    items=bank("""
pair of boots|pair of sandals|pair of running shoes|pair of slippers|pair of gloves|pair of jeans
pair of socks|pair of glasses|pair of headphones"""),
    got=bank("""
I bought this {it_bare} {when}|I ordered this {it_bare} for my {rel}|I have had this {it_bare} for {span}
this {it_bare} was a birthday gift|I wanted a new {it_bare} for {event}|this {it_bare} arrived {when}"""),
    good=bank("""
they are [so comfortable/light as a feather/soft and warm]
they fit [perfectly/from the first day/just right]|they look [great/even better than online]
I can wear them all day|they feel [sturdy/very well made]|they were worth the money
my {rel} asked where I got them|I would buy them again|they still look new after {span}
they are the best I have ever had"""),
    bad=bank("""
they [hurt/pinch/gave me blisters]|they fell apart after {span}|one is bigger than the other
the {colour} dye comes off on everything|they are [much too tight/too wide/stiff as a board]
they smell of glue|they [broke/tore] the first time I used them|they look used and dirty
they are nothing like the picture|they were not worth the money"""),
    plain=bank("""
they come in {n} colours|I take a size [thirty nine/forty/forty two]
they are made of [leather/cotton/rubber]|they come in a {colour} box
I wear them [at home/to work/in the garden]|they were on sale"""),
)

_HOME = Domain(
    items=bank("""
sofa|armchair|desk|bookshelf|mattress|wardrobe|lamp|rug|dining table|office chair|bed|mirror|curtain set
bench|chest of drawers|pillow|blanket|wall clock|shoe rack|garden table"""),
    got=bank("""
we ordered {it} {when}|we bought {it} for the living room|{it} was delivered {when}
we have had {it} for {span}|I chose {it} with my {rel}|I put {it} together {when}|{it} stands in our hall
we needed {it} for our new flat"""),
    good=bank("""
it is [soft/comfortable/sturdy/solid] and [looks beautiful/suits the room perfectly/feels warm]
it was [easy/very easy/quick] to put together|all the parts were there and fit [perfectly/at once]
the wood is [smooth and warm/beautiful]|I sleep [so much better/like a baby] now
the colour matches [our walls/the floor] perfectly|two friendly men carried it up to the fourth floor
it fits exactly where we wanted it|the children love it|it makes the whole room brighter
it is strong enough for all of us|guests always ask where we found it
it looks far more expensive than it was|my back no longer hurts|it came a week early and well packed"""),
    bad=bank("""
it [wobbles/creaks/squeaks] [all the time/whenever you touch it]|{n} screws were missing
one of the legs is [broken/bent/shorter than the others]|the [surface/wood/fabric] is full of scratches
it smells so strongly that we had to put it outside|it sagged after {span}
the drawers do not [close/open] properly|the colour is [completely/nothing like] what we ordered
the instructions are [useless/impossible to follow]|it is much smaller than the website says
the drivers left it in the street|the cover tore after {span}|it broke when my {rel} sat on it
my back has hurt ever since|it arrived {span} late and in pieces"""),
    plain=bank("""
it is [one metre/two metres] wide|it is made of [oak/pine/steel/glass]|it comes in {n} parts
it stands next to the [window/door/stairs]|you need a screwdriver to put it together
it is also sold in {colour}|we measured the room first|the old one went to my {rel}"""),
)

_TOYS = Domain(
    items=bank("""
toy train|doll house|kite|set of blocks|teddy bear|toy car|toy boat|building kit|music box|scooter|toy robot
doll|wooden horse|toy kitchen"""),
    got=bank("""
I bought {it} for my {rel}'s birthday|my {rel} got {it} for Christmas|we took {it} on holiday
we ordered {it} {when}|the children unpacked {it} {when}|I gave {it} to my little cousin
{it} was on my daughter's list"""),
    good=bank("""
the children [have played with it for hours/will not put it down/love it]
it is [sturdy/colourful/cleverly made/full of ideas]|the colours are [bright/lovely]
all the parts are [smooth/strong/nicely painted]|it is fun for the whole family
my daughter [carries it everywhere/sleeps with it every night]|my son [smiled all day/was over the moon]
it has survived {n} children so far|it teaches them to count without noticing
it keeps them busy on rainy days|we play it every {day}|it made {event} special"""),
    bad=bank("""
it [broke/fell apart] [within an hour/on the first day/after {span}]|{n} pieces were missing
the paint [comes off/peels off] on small hands|it has sharp edges and my {rel} cut a finger
the children were bored after five minutes|the wheels [came off/do not turn]
the box was [crushed/already open]|one part is [missing/broken/bent]|it smells of petrol
my son cried when it stopped working|the pictures on the box are a lie|it is far too small for children
it is made of thin cardboard"""),
    plain=bank("""
it is meant for children over {n}|it has [fifty/one hundred/five hundred] pieces|the box is {colour}
it needs {n} batteries|it is made of [wood/plastic/cloth]|it fits in a small bag"""),
)

_BOOKS = Domain(
    items=bank("""
novel|cookbook|travel guide|magazine|crime story|children's book|history book|love story|book of poems
school book|comic|picture book"""),
    got=bank("""
I bought {it} at the station|my {rel} gave me {it} for my birthday|I finished {it} {when}
I read {it} on the train|I had read about {it} in the paper|I ordered {it} {when}|I picked up {it} {when}
I read {it} to my {rel}"""),
    good=bank("""
I [laughed/smiled/learned something new] on every page|it is [funny/moving/gripping/full of warmth]
I could not put it down|I read it in one night|it is full of [clever ideas/beautiful pictures/surprises]
the [ending/second half] is [wonderful/perfect]|it made me [cry happy tears/think for days]
the pictures are [beautiful/full of life]|everything is explained in [plain words/small steps]
I have already given it to {n} friends|I will read it again|my {rel} loved it too
the paper and the print are lovely|it made my whole week"""),
    bad=bank("""
it is [boring/dull/a waste of paper/much too long]|I fell asleep [after ten pages/every night]
the [ending/story] makes no sense|it is full of [mistakes/errors/old jokes]
nothing happens for [fifty/two hundred] pages|{n} pages were missing|I gave up halfway
the print is so small that I cannot read it|I learned nothing new|the jokes are rude and stale
I want those hours back|the cover was [torn/dirty/bent]|the people in it are lifeless|it smells of mould"""),
    plain=bank("""
it has [ninety/two hundred/three hundred] pages
it is set in [Spain/a small village/the nineteenth century/London]|there are {n} parts
it costs [ten/twelve/twenty] euros|it was written by a [doctor/teacher/journalist]|I read it in the evening
it is also sold as an audio book|the library has it too|it is on the shelf next to my bed"""),
    kind="media",
)

_EVENTS = Domain(
    items=bank("""
film|concert|play|museum tour|comedy show|lecture|dance show|art exhibition|opera|puppet show|magic show
city tour|wine tasting|fireworks show"""),
    got=bank("""
we saw {it} {when}|my {rel} gave me a ticket for {it}|we went to {it} for {event}
I had read about {it} in the paper|I went to {it} alone|I chose {it} because a friend talked about it
we booked {it} {when}"""),
    good=bank("""
the time flew by|everyone clapped for minutes|we laughed until we cried
it was [funny/moving/full of surprises/better than the last one]|the voices were [beautiful/full of life]
we had the best seats|the guide was [funny and clever/full of stories/patient with our questions]
I would go again tomorrow|it made my whole week|the [ending/second half] was [wonderful/perfect]
even my {rel} was smiling|I felt like a child again|we talked about it all the way home"""),
    bad=bank("""
it was [boring/dull/a waste of time/far too long]|I fell asleep [halfway through/after ten minutes]
we left before the end|the sound was so bad that we understood nothing
the seats were [hard/dirty/behind a wall]|it was cancelled without a word|the jokes were rude and stale
it started {wait} late|it was so full that we saw nothing|people talked the whole time
the guide [spoke too fast/was bored/did not turn up]|it was freezing inside"""),
    plain=bank("""
it lasts about [an hour/two hours/ninety minutes]|it starts at [six/seven/eight]
the tickets cost [ten/twelve/twenty] euros|there is a short break in the middle|it is on every {day}
it is in [English/French] only|the doors open at six|we sat in row {n}"""),
    kind="service",
)

_CLASSES = Domain(
    items=bank("""
language course|yoga class|dance class|cooking class|swimming course|painting class|piano lesson
computer course|first aid course|driving school|choir|evening school|riding lesson|sewing class"""),
    got=bank("""
I signed up for {it} {when}|my {rel} gave me {it} as a present|I have been going to {it} for {span}
I tried {it} {when}|my {rel} and I joined {it}|I go to {it} every {day}|I found {it} online"""),
    good=bank("""
the teacher explains things with patience and humour|I felt welcome from the first minute
I have learned [so much/more than in years of school]
the group is [small and friendly/cheerful/full of nice people]|I look forward to it all week
my {rel} comes home with a smile|after {span} I could do it on my own
the teacher [sees what each of us needs/is wonderful/makes everyone laugh]
I passed [my test/the exam] with ease|it is the best hour of my week|I have made {n} new friends
I feel stronger already"""),
    bad=bank("""
the teacher [came late and did not care/was always on the phone/shouted at us]|I learned nothing
the room was [cold/dirty/far too small]|it was cancelled {n} times without a word
the group is so large that nobody gets any help|they will not give me my money back
we did the same thing every week|the teacher [left/changed] after {span}|I hurt my back and nobody noticed
the others laughed at my {rel}|I was bored after five minutes|I failed [my test/the exam]"""),
    plain=bank("""
it is on [Monday/Tuesday/Thursday] evenings|there are {n} of us in the group
it lasts [an hour/ninety minutes]|it costs [eight/fifteen/thirty] euros
you need to bring a [towel/notebook/pair of soft shoes]|it is held at the [school/town hall]
it ends in {month}|the first lesson is free"""),
    kind="service",
)

_DEVICES = Domain(
    items=bank("""
printer|keyboard|headset|speaker|radio|router|monitor|alarm clock|doorbell|projector|television|hard drive
lamp with a sensor|baby monitor|record player"""),
    got=bank("""
I bought {it} {when}|I have had {it} for {span}|{it} was a present for my {rel}|{it} arrived {when}
I use {it} for work|I ordered {it} from your website|we put {it} in the living room|I picked {it} up {when}"""),
    good=bank("""
it was ready in [five minutes/no time]|it connects [at once/without any trouble/right away]
it works [perfectly/flawlessly/even better than I hoped]
it is [small and light/sturdy/easy to use/good to look at]|it has never let me down
it still works like new after {span}|it was worth every penny
my {rel} [loves it/uses it every day/wants one too]|the buttons are [large/easy to find]
it is quieter than our old one|it saves me a lot of time|the manual is short and clear"""),
    bad=bank("""
it loses the connection [constantly/all the time/every evening]|it will not turn on [any more/since {day}]
it makes a [strange/terrible/loud] noise|it [broke/stopped working/went dead] after {span}
the buttons [fall off/do not respond]|the manual makes no sense|it gets dangerously hot
it was sent with the wrong plug|it arrived with a crack in the side|it turns itself on at night
half of the functions do not work|it is slow and useless|the cable is [loose/too short/torn]
I have to restart it {n} times a day"""),
    plain=bank("""
it is about the size of [a book/my hand/a shoe box]|it comes with a cable and a small manual
it runs on [batteries/mains power]|the {colour} one costs the same|it stands on [my desk/the shelf]
it has {n} buttons|I use it mostly [at home/in the evening/for music]|it weighs less than a kilo"""),
)

_BAGS = Domain(
    items=bank("""
handbag|backpack|wallet|umbrella|suitcase|school bag|travel bag|laptop bag|leather belt|sports bag|beach bag
purse"""),
    got=bank("""
I bought {it} for {event}|I ordered {it} in {colour}|{it} was a gift for my {rel}
I have carried {it} for {span}|{it} came {when}|I took {it} on a trip|I saw {it} in your window"""),
    good=bank("""
it is [light and strong/beautifully made/roomy and practical]|it has plenty of [pockets/room]
the leather is [soft/smooth and warm]|it kept everything dry|the zip runs smoothly
it still looks new after {span}|I get compliments every day|it fits under the seat|it goes with everything
it was wrapped with great care|my {rel} wants one too|it survived {n} flights without a scratch"""),
    bad=bank("""
the zip [broke/jammed] [on the second day/after {span}]|the strap [tore/came off] after {span}
it smells [of chemicals/of fish/like an old cellar]|it lets the rain through|the lining is already torn
the handle broke at the airport|it is far too small|it looks cheap|the colour rubs off on my clothes
it came with a [stain/hole/scratch]|I was sent the wrong colour|the wheels [came off/squeak]"""),
    plain=bank("""
it has {n} pockets|it is made of [cotton/leather/canvas]|the {colour} one is sold out|it weighs about a kilo
it holds a [laptop/water bottle/pair of shoes]|it is also sold in {colour}|I carry it to work
the label says it was made in [Italy/Portugal/India]"""),
)

_JEWELS = Domain(
    items=bank("""
ring|necklace|bracelet|silver chain|brooch|gold watch|pearl necklace|vase|tea set|picture frame
candle holder|glass bowl|snow globe"""),
    got=bank("""
I bought {it} for my {rel}|{it} was a gift for {event}|I ordered {it} {when}|I saw {it} in your window
{it} came {when}|I chose {it} with my {rel}"""),
    good=bank("""
it is [beautiful/even prettier than in the picture/delicate and well made]|it came in a lovely box
my {rel} [cried with joy/loves it/has worn it ever since]|it catches the light
everyone asks where I found it|it was wrapped with great care|it feels like something special
there was a kind note with it|it will stay in the family|it arrived a day early"""),
    bad=bank("""
it [broke/came apart/turned black] after {span}|it arrived in [pieces/a dirty box]|it looks cheap
it is much smaller than in the picture|there is a crack in it|the [stone/clasp/handle] fell off
it makes my skin itch|it was scratched all over|it is not what I paid for|my {rel} was disappointed"""),
    plain=bank("""
it is made of [glass/silver/gold/clay]|it comes in a small {colour} box|it can be engraved
it weighs almost nothing|it is on the shelf by the window|there is also a larger one|it was made by hand"""),
)

_GAMES = Domain(
    items=bank("""
puzzle|board game|card game|chess set|magic set|quiz game|dice game|word game|memory game|building game"""),
    got=bank("""
I bought {it} for my {rel}'s birthday|my {rel} got {it} for Christmas|we took {it} on holiday
we ordered {it} {when}|we played {it} {when}|we opened {it} after dinner"""),
    good=bank("""
we laughed [the whole evening/until we cried]|the rules are [simple/easy to learn]
it is fun for the whole family|we play it every {day}
it is [cleverly made/full of ideas/different every time]|the pieces are [smooth/strong/beautifully painted]
even my {rel} joined in|it teaches children to count without noticing|it keeps us busy on rainy days
it made {event} special"""),
    bad=bank("""
{n} pieces were missing|the rules are [confusing/impossible to understand/only in Italian]
the children were bored after five minutes|it takes [forever/three hours] to finish
the cards [tore/bent] on the first evening|the box was [crushed/already open]|it is made of thin cardboard
it ended in tears|nobody wants to play it again|it is far too easy"""),
    plain=bank("""
it has [fifty/one hundred/five hundred] pieces|it can be played by {n} people
the rules are printed on the lid|a round takes [ten minutes/half an hour]|it is meant for children over {n}
the box is {colour}|it fits in a small bag"""),
)

_PETS = Domain(
    items=bank("""
dog bed|cat tree|fish tank|bag of dog food|bird house|dog coat|cat toy|hamster cage|dog lead|bag of cat food
bird feeder"""),
    got=bank("""
I bought {it} {when}|we ordered {it} for our [dog/cat/pets]|my {rel} recommended {it}
we have had {it} for {span}|{it} arrived {when}|I found {it} on sale"""),
    good=bank("""
our [dog/cat] loves it|it is [sturdy/easy to clean/soft and warm/well made]|the birds found it within a day
it looks lovely in our garden|my {rel} is happy with it too|it was put together in minutes
he has slept in it every night|it makes [walks/evenings] so much easier
our old [dog/cat] is like a puppy again|the vet likes it too"""),
    bad=bank("""
our [dog/cat] will not go near it|it smells of [rubber/glue/old fish]|it [fell over/tore/broke] after {span}
our [dog/cat] got sick|it is [far too small/full of sharp edges/impossible to clean]
the parts do not fit together|it leaked all over the floor|half of it was missing
it was chewed to pieces in an hour|it rusted in the first rain"""),
    plain=bank("""
it comes in {n} sizes|it is meant for small [dogs/pets]|it stands in the [hall/kitchen/garden]
it weighs {n} kilos|we have {n} cats|it can be washed|our [dog/cat] is {n} years old"""),
)

_CAMPING = Domain(
    items=bank("""
tent|sleeping bag|camping stove|hammock|sun umbrella|beach chair|fishing rod|air bed|rubber boat|flask
rain cover|bicycle|bike helmet"""),
    got=bank("""
I bought {it} {when}|we took {it} to the lake|I used {it} {when}|my {rel} lent me {it}
we have had {it} for {span}|{it} arrived {when}|we needed {it} for our trip"""),
    good=bank("""
it [survived a storm/kept us dry all night/has lasted all summer]|it folds up small
it is [light and handy/easy to use/well made/strong]|it was ready in [two minutes/no time]
we slept like babies|the children fought over it|it is worth more than it costs|we use it every weekend
it fits in the boot of our small car|it made our trip so much nicer"""),
    bad=bank("""
it [broke/tore/snapped] [at once/after {span}/in the first wind]|it [leaks/rusts]|it was full of holes
we woke up wet and cold|it is [too heavy/impossible to fold/useless in the rain]|one of the poles was bent
it came without the [bag/screws/pump]|it gave me a cut on my hand|I had to buy another one on the way
it lost its colour in the sun"""),
    plain=bank("""
it comes in a {colour} bag|it weighs about {n} kilos|it is stored in the [garage/cellar/shed]
it is meant for {n} people|we use it [in summer/on trips]|you can buy spare parts|it is {n} metres long"""),
)

_BEAUTY = Domain(
    items=bank("""
hair salon|nail studio|barber|beauty salon|new hairdresser|massage studio|tattoo studio|make up studio|sauna"""),
    got=bank("""
I went to {it} {when}|I had an appointment at {it} on {day}|my {rel} gave me a gift card for {it}
I have been going to {it} for {span}|I booked {it} for {event}|I tried {it} {when}"""),
    good=bank("""
they listened to what I wanted|my hair has never looked better|I left with a big smile
I feel ten years younger|the tea was lovely|the price was [fair/lower than I thought]|they took their time
everything was [clean/calm and clean/spotless]|my {rel} did not recognise me
the woman who did it is an artist|I slept like a baby that night|they fitted me in the same day"""),
    bad=bank("""
they did not listen to me|they ruined my hair|I waited {wait} although I had an appointment
they burnt my [ear/skin]|it cost twice what they had said|I cried when I saw the mirror
the place was [dirty/cold/loud]|they talked on the phone the whole time|one side is shorter than the other
the colour came out [green/orange]|they lost my appointment|they were rude to my {rel}"""),
    plain=bank("""
it opens at [eight/nine/ten]|a cut costs [fifteen/twenty/thirty] euros|it is near the [park/bridge/old town]
it is closed on {day}|it takes about [half an hour/an hour]|they also sell [soap/shampoo/gift cards]
you need an appointment"""),
    kind="place",
)

_FOOD = Domain(
    items=bank("""
pizza|birthday cake|cheese plate|soup|curry|apple pie|sandwich|fish|burger|pasta|breakfast|rice dish|chicken
stew|lasagne|pancake"""),
    got=bank("""
we ordered {it} {when}|I had {it} for lunch|we shared {it} with friends|I bought {it} for {event}
{it} was delivered {when}|my {rel} chose {it}|I tried {it} for the first time|we wanted {it} for {event}"""),
    good=bank("""
it tasted [wonderful/fresh and light/delicious/just like at my grandmother's/amazing]
it was [still warm/hot and fresh/beautifully decorated]|there was plenty for [everyone/four of us]
{who} asked for more|it smelled so good that we could not wait|you can taste the fresh [herbs/butter/fruit]
it was gone in minutes|it was [rich but not heavy/sweet but not too sweet]
it came [early/right on time/well packed]|it was the best I have ever eaten|the portion was generous
it made {event} perfect|I dream about it"""),
    bad=bank("""
it was [cold/burnt/dry/raw in the middle/too salty/stale]|it tasted of [nothing/soap/cardboard/old oil]
there was a [hair/piece of plastic/fly] in it|half of it was missing
it arrived [two hours late/upside down/squashed]|it made my {rel} sick|it smelled [sour/bad]
it was full of [sugar/fat/bones]|the portion was tiny|we threw most of it away|it was past its date
they forgot the [sauce/bread/cheese]|it was the worst I have ever eaten"""),
    plain=bank("""
it serves {n} people|it contains [nuts/milk/eggs]|it is sold in [small/large] boxes
it comes with [bread/rice/a small salad]|you can order it until [noon/six/Thursday]|it keeps for {n} days
we eat it [on Sundays/for breakfast/once a month]"""),
    kind="food",
)

_RESTAURANT = Domain(
    items=bank("""
little restaurant by the river|Italian restaurant|new café|beach bar|hotel restaurant|pizza place|tea house
food truck|bakery|ice cream shop|canteen|burger place|fish restaurant|old pub|bistro on the corner
Indian restaurant"""),
    got=bank("""
we went to {it} {when}|we booked a table at {it} for {event}|I met my {rel} at {it}|we had dinner at {it}
we stopped at {it} on our way home|my {rel} took me to {it}|we tried {it} {when}"""),
    good=bank("""
the food was [delicious/fresh and full of taste/out of this world/simple and perfect]
the waiter was [kind/charming/funny and quick/attentive]
we were given [the best table/a free dessert/a table by the window]
the [soup/fish/pasta/cake] was the best I have had in years|the prices are [fair/very fair/surprisingly low]
they were [so sweet/patient] with our children|everything came quickly and hot
the room was [cosy/warm and bright/full of flowers]|we felt welcome [at once/from the first minute]
they even remembered my name|we stayed for hours|the chef came out to say hello
the view is [stunning/lovely]"""),
    bad=bank("""
the food was [cold/bland/greasy/burnt/a disappointment]
the waiter was [rude/in a bad mood/nowhere to be seen]|we waited {wait} for our [drinks/soup/bill]
the table was [dirty/sticky/next to the toilets]|they charged us for things we never ordered
my {rel} was sick all night|the music was so loud that we had to shout|they lost our reservation
the prices are [a joke/shameless]|half of the menu was sold out|there was a hair in my [soup/salad]
they forgot my {rel}'s meal|the glasses were dirty|nobody apologised"""),
    plain=bank("""
it is open until [ten/eleven/midnight]|it has about twenty tables|the menu changes every [week/day/month]
you can sit outside in summer|it is next to the [station/church/town hall]|they also sell [bread/wine/cakes]
they take cards and cash|it is closed on {day}"""),
    kind="place",
)

_HOTEL = Domain(
    items=bank("""
hotel|guest house|holiday flat|camp site|hostel|mountain lodge|beach resort|spa hotel|country inn|farm house
cottage by the lake|boat cabin"""),
    got=bank("""
we stayed at {it} for {n} nights|we booked {it} for {event}|I spent a weekend at {it}
we arrived at {it} {when}|my {rel} found {it} online|we came to {it} with the children
I was at {it} on business"""),
    good=bank("""
the room was [clean and bright/quiet and cosy/large and spotless]|the bed was [so comfortable/like a cloud]
breakfast was [wonderful/rich and fresh/a dream]
the staff were [so kind/always smiling/friendly and helpful]
we had a [lovely/breathtaking] view of the [sea/lake/mountains]|they upgraded us for free
the pool was warm and clean|we slept [like babies/better than at home]|it is close to everything
they found a cot for our baby in minutes|the garden is full of flowers|there were fresh towels every day
we did not want to leave|they let us check in early|the dog was welcome too"""),
    bad=bank("""
the room was [dirty/cold and damp/tiny and dark/full of smoke]
the bed was [hard as stone/broken/full of crumbs]|breakfast was [a joke/cold/over by eight]
the staff were [rude/bored and unfriendly/never at the desk]
there was [mould in the shower/no hot water/hair in the sink]|the walls are so thin that we heard everything
they gave our room to somebody else|there was a [party/building site] right under our window
the pool was [closed/green]|we did not sleep at all|they charged my card twice|the heating did not work
the pictures online are a lie|the lift was broken and we were on the sixth floor"""),
    plain=bank("""
it is {n} minutes from the [station/beach/airport]|breakfast is from [seven to ten/six to nine]
it has [thirty/forty/sixty] rooms|parking costs extra|check in is after three
our room was on the [second/third/fifth] floor|there is a bus stop in front of it
the desk closes at [ten/eleven]"""),
    kind="place",
)

_TRAVEL = Domain(
    items=bank("""
train to the coast|night bus|flight to Madrid|ferry|tram|city bus|flight home|school bus|train to work
boat trip|express train|shuttle bus|bus to the airport|early flight|last train"""),
    got=bank("""
I took {it} {when}|we booked {it} for {event}|I use {it} every [day/week/month]
we were on {it} with {n} bags|my {rel} and I took {it}|I had a ticket for {it}|we waited for {it}"""),
    good=bank("""
it was [right on time/early/on time to the minute]
the driver was [friendly/calm and careful/a real gentleman]|the seats were [wide and soft/comfortable]
everything was [clean and quiet/very well organised]|they helped my {rel} with [her bags/the stairs]
the crew [were lovely/smiled all the way]|we got free [tea/snacks/seats in front]
the view was [beautiful/worth the trip alone]|I found a seat with a table|booking took two minutes
they waited for us when we were late|my lost [bag/phone/hat] was found the same day
I arrived relaxed and happy"""),
    bad=bank("""
it was [late again/an hour late/cancelled without a word]
the driver was [rude/on his phone the whole time/driving like a madman]|the seats were [dirty/broken/wet]
we had to stand for {wait}|nobody told us [anything/what was going on/where to go]
it was [freezing/boiling hot] inside|they lost my [suitcase/bag]|we missed our connection
the toilet was [locked/disgusting]|they charged me [twice/for a bag I did not have]|it left without us
we spent the night on the floor|it smelled awful|they refused to give me my money back"""),
    plain=bank("""
it leaves at [six/seven/nine] in the morning|it stops in {n} towns
the trip takes [an hour/two hours/forty minutes]|you can buy tickets on board
it runs every [ten minutes/half hour/hour]|it leaves from platform {n}|children under six travel free
bikes are allowed after nine"""),
    kind="service",
)

_HEALTH = Domain(
    items=bank("""
dentist|eye doctor|clinic|hospital|pharmacy|physio|children's doctor|vet|nursing home|skin doctor
hearing centre|family doctor"""),
    got=bank("""
I went to {it} {when}|my {rel} was at {it} {when}|I had an appointment at {it} on {day}
we took our [dog/cat/baby] to {it}|I called {it} {when}|I have been coming to {it} for {span}
I was at {it} for a check"""),
    good=bank("""
the nurse was [gentle/so kind/calm and gentle]
the doctor took time [to explain everything/for all my questions]|I felt [safe/in good hands/heard]
it did not hurt [at all/one bit]|I was seen [at once/right on time/within minutes]
they called the next day to ask how I was|the pain is [gone/finally gone]
my {rel} is [healthy again/feeling much better]|they found the problem in minutes
the rooms are clean and bright|they made my frightened {rel} laugh|I am so grateful to the whole team"""),
    bad=bank("""
I waited {wait} [in a cold room/although I had an appointment/without a word]
the doctor [did not listen/looked at the screen the whole time/was in a hurry]
the nurse was [rough/rude/in a bad mood]|it hurt [terribly/for days]|they lost my [papers/test results]
nobody [answers the phone/calls back]|the bill was twice what they had said
they gave me the wrong [tablets/date]|my {rel} is still in pain|the waiting room was dirty and full
they sent me away because of a form|I left in tears"""),
    plain=bank("""
they are open from [eight to five/nine to six]|you need to bring your card|the next free date is in {month}
it is on the [first/second] floor|the check takes about [twenty minutes/an hour]
they speak English and [French/Spanish/Turkish]|there is parking behind the building"""),
    kind="place",
)

_TRADES = Domain(
    items=bank("""
plumber|electrician|gardener|painter|cleaning service|moving company|car repair shop|bike shop
window cleaner|locksmith|heating engineer|tailor|shoe repair shop|roofer|computer repair shop|laundry"""),
    got=bank("""
I called {it} {when}|we hired {it} {when}|{it} came on {day}|a neighbour told us about {it}
we have used {it} for {span}|I asked {it} for help|I booked {it} for {day}"""),
    good=bank("""
the work was done [quickly and well/in one hour/better than I hoped]
they came [on time/the same day/within the hour]
the price was [fair/lower than they had said/exactly as agreed]|they left everything [clean/spotless]
they explained every step|it works [like new/perfectly again]
they were [friendly and careful/polite and quick]|they even repaired [my lamp/the door] for free
nothing was broken and nothing was lost|you can see that they love their work|I have a warm house again
they saved our weekend"""),
    bad=bank("""
they [never came/came three hours late/forgot about me]
the work is [sloppy/worse than before/still not finished]
they left [dirt everywhere/a hole in the wall/paint on the floor]
the price was [double/far higher than agreed]|they broke [a window/my vase/the door]
the same thing broke again after {span}|they did not answer my calls|they were [rude/late and rude]
they took the money and left|they scratched [my car/the floor]|two boxes are missing
I had to do it myself in the end|they laughed at me when I complained"""),
    plain=bank("""
they work from [Monday to Friday/eight to four]|they need about {n} hours|they bring their own tools
they are based in [the next town/the old harbour]|you can pay by card|they send the bill by email
the first visit is free of charge|they have been here since {month}"""),
    kind="place",
)

_OFFICE = Domain(
    items=bank("""
bank|internet provider|phone company|insurance company|post office|town hall|travel agency
electricity company|library|tax office|parking service|housing office|school office|ticket office
credit card company"""),
    got=bank("""
I called {it} {when}|I wrote to {it} {when}|I have been with {it} for {span}|I changed to {it} {when}
I had a question for {it}|I went to {it} on {day}|I sent {it} my papers {when}"""),
    good=bank("""
my question was answered [in two minutes/at once/the same day]
{helper} was [patient/so helpful/kind and clear]|everything was settled [in one call/within a day]
they gave me [a better price/my money back/a free month]
the line has been [fast and stable/perfect] ever since|no waiting, no forms, no fuss
they called me back as promised|they explained it in plain words|the new card came after two days
they made an exception for my {rel}|I finally feel like a valued customer|I have never had such good service"""),
    bad=bank("""
I waited {wait} on the phone|{helper} [was rude/hung up on me/knew nothing/could not help me]
they sent me from one person to the next|they charged me [twice/for a service I never ordered]
the line has been down since {day}|nobody has answered my {n} letters|they lost my [papers/form/payment]
they want a fee for everything|they closed my account without a word
I still do not have my [money/card/password]|they promised to call back and never did
the form is impossible to understand|I am treated like a number"""),
    plain=bank("""
it is open from [nine to four/ten to six]|you need a passport and a [photo/letter]
there is a branch near the [market/station]|the form has {n} pages
the fee is [five/ten/thirty] euros a month|they answer calls until [six/eight]|my number is on the letter"""),
    kind="place",
)

_LEISURE = Domain(
    items=bank("""
gym|swimming pool|museum|zoo|cinema|climbing hall|water park|botanical garden|ski school|amusement park
skating rink|tennis club|sports centre|wild life park"""),
    got=bank("""
we went to {it} {when}|I go to {it} every {day}|we spent [a Sunday/a day/an afternoon] at {it}
my {rel} is a member of {it}|I tried {it} {when}|I got a gift card for {it}
we visited {it} with the children"""),
    good=bank("""
the staff are [friendly/so helpful/patient and funny]|everything is [clean/spotless/new and clean]
we had [a wonderful day/so much fun/a great time]|I left with a big smile|it is never too full
the [trainer/guide/teacher] is [fantastic/kind and clever]|I feel [fit/ten years younger/relaxed]
the children did not want to go home|they listened to what I wanted|it is worth every cent
there is so much to see|we will buy a year ticket"""),
    bad=bank("""
the staff are [rude/bored/never there]|everything is [dirty/old and broken/closed]
it is so full that you cannot [move/breathe]|we waited {wait} to get in|the water was [freezing/dirty]
it is far too expensive for [what you get/a family]|half of it was closed for repairs
it ruined our [birthday party/weekend]|the showers smell|they will not let me cancel
somebody stole my [shoes/phone] and nobody cared|the children were bored
the [trainer/guide] was late and grumpy|they did not listen to me"""),
    plain=bank("""
it opens at [eight/nine/ten]|a ticket costs [six/nine/fourteen] euros|there is a café inside
children under {n} go free|it is closed in {month}|you can hire [towels/skates/a guide]
it is near the [park/bridge/old town]|there are lockers at the entrance"""),
    kind="place",
)

_GARDEN = Domain(
    items=bank("""
lawn mower|garden hose|ladder|drill|garden saw|wheelbarrow|hedge cutter|tool box|electric saw|water pump
leaf blower|spade"""),
    got=bank("""
I bought {it} {when}|we ordered {it} for the garden|I used {it} {when}|my {rel} recommended {it}
we have had {it} for {span}|{it} arrived {when}|we took {it} to the lake"""),
    good=bank("""
it is [strong/light and handy/easy to use/well made]
it [survived a storm/has lasted all summer/kept us dry all night]|it saves me [so much time/a lot of work]
my {rel} is [very happy with it/proud of it]|it fits [in the shed/in any corner]
it did the job in [minutes/half the time]|my hands do not hurt any more|it starts [at once/every time]
it folds up small|it is worth more than it costs|we use it every weekend"""),
    bad=bank("""
it [broke/tore/snapped] [at once/after {span}/in the first wind]|it [leaks/rusts/does not start]
it is [too heavy/too weak/useless]|it smells of [petrol/rubber]|the parts do not fit together
it fell over and hurt my {rel}|it [stops/overheats] after ten minutes|I had to buy another one {when}
it gave me a cut on my hand|it came without the [bag/screws/lid]"""),
    plain=bank("""
it is {n} metres long|it comes in a {colour} bag|it weighs about {n} kilos
it is stored in the [garage/cellar/shed]|it is meant for small gardens|I bought the {colour} one
we use it [in spring/in summer/on trips]|it has a tag with the price on it"""),
)

_ONLINE = Domain(
    items=bank("""
app|website|online shop|newsletter|booking page|web store|delivery service|photo service|map app
music service|language app|bank app|weather app|ticket app|chat on your website"""),
    got=bank("""
I have used {it} for {span}|I ordered from {it} {when}|I downloaded {it} {when}|my {rel} told me about {it}
I tried {it} {when}|I signed up for {it} {when}|we use {it} at work"""),
    good=bank("""
it is [fast/clear/so easy to use/beautifully simple]
my order came [the next day/a day early/in perfect shape]|I found what I needed in [seconds/two clicks]
it works [without a hitch/every time/even on my old phone]|returns are [free/quick and easy]
the prices are [fair/the best I have found]|support answered in [minutes/an hour] and solved it
it has made my life [easier/so much easier]|payment is [quick and safe/simple]
the new version is [a joy/even better]|I learn something every day|I would not want to be without it"""),
    bad=bank("""
it [crashes/freezes] [all the time/whenever I try to pay/on every page]
my order [never came/came broken/went to the wrong address]|it is [slow/confusing/full of errors/useless]
I cannot [log in/find anything/delete my account]|they charged me for [a trial/something I never ordered]
support [never answers/sends the same text every time]|I get {n} emails a day and cannot stop them
the last update broke everything|it lost all my [data/photos/points]|the search finds nothing
I had to start again {n} times|my parcel was left in the rain"""),
    plain=bank("""
it needs an account|it is free for {n} weeks|it works on phones and tablets|it sends a code by [text/email]
it has a {colour} button at the top|it costs {n} euros a month|it is available in {n} languages
orders before noon leave the same day"""),
    kind="service",
)

DOMAINS: tuple[Domain, ...] = (
    _KITCHEN, _ELECTRONICS, _DEVICES, _CLOTHES, _SHOES, _BAGS, _JEWELS, _HOME, _TOYS, _GAMES, _BOOKS, _EVENTS,
    _CLASSES, _FOOD, _RESTAURANT, _HOTEL, _TRAVEL, _HEALTH, _TRADES, _OFFICE, _LEISURE, _BEAUTY, _GARDEN, _PETS,
    _CAMPING, _ONLINE,
)  # fmt: skip
