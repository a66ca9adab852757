"""The scenes of TextGen-CommonGen: who does what, where, and with what else; everyday words, so that sets make sense.

Every entry names its concept first and then how a sentence says it. Within a scene everybody may do everything,
everywhere, and beside every extra.
"""

from __future__ import annotations

from typing import NamedTuple


class Act(NamedTuple):
    """Something to do: the concepts of verb and object, and the object as it stands after the verb."""

    verb: str
    noun: str
    phrase: str


class Scene(NamedTuple):
    """What belongs together.

    Attributes:
        agents: Nouns of who acts.
        acts: What is done.
        places: Noun and phrase of where.
        extras: Noun and phrase of with whom, with what, or when.
    """

    agents: tuple[str, ...]
    acts: tuple[Act, ...]
    places: tuple[tuple[str, str], ...]
    extras: tuple[tuple[str, str], ...]


def _scene(agents: str, acts: str, places: str, extras: str) -> Scene:
    """Reads a scene: entries are divided by semicolons, ``verb noun: phrase`` or ``noun: phrase``."""
    return Scene(
        tuple(agents.split()),
        tuple(_act(*entry) for entry in _entries(acts)),
        tuple(_entries(places)),
        tuple(_entries(extras)),
    )


def _act(head: str, phrase: str) -> Act:
    verb, noun = head.split()
    return Act(verb, noun, phrase)


def _entries(text: str) -> list[tuple[str, str]]:
    pairs = (" ".join(entry.split()).partition(": ") for entry in text.split(";"))
    return [(head, phrase) for head, _, phrase in pairs]


SCENES = (
    _scene(
        "girl boy child student teacher couple jogger neighbor",
        """throw frisbee: a red frisbee; catch ball: the ball; walk dog: a big brown dog; ride bicycle: an old bicycle;
        feed duck: the hungry ducks; fly kite: a bright kite; chase squirrel: a squirrel; climb tree: the tallest tree;
        draw flower: a flower; eat sandwich: a cheese sandwich""",
        """park: in the park; lake: beside the lake; bridge: near the bridge; fountain: by the fountain;
        bench: close to a bench""",
        """friend: with a good friend; morning: on a quiet morning; sun: in the warm sun; music: to the sound of music;
        weekend: at the weekend""",
    ),
    _scene(
        "farmer woman man grandfather worker visitor cowboy",
        """feed chicken: the chickens; milk cow: a patient cow; drive tractor: the green tractor;
        plant corn: rows of corn;
        brush horse: a white horse; lead goat: a stubborn goat; carry hay: a bale of hay; collect egg: the fresh eggs;
        dig potato: potatoes""",
        """barn: behind the barn; field: out in the field; fence: along the fence; stable: next to the stable;
        yard: across the yard""",
        """bucket: with a bucket in one hand; sunrise: just after sunrise; rain: in the light rain;
        hat: wearing a straw hat;
        son: together with a son; boot: wearing muddy boots""",
    ),
    _scene(
        "chef cook mother father baker waiter grandmother",
        """cut bread: a loaf of bread; stir soup: a pot of soup; chop onion: the onions; bake cake: a chocolate cake;
        wash dish: a pile of dishes; fry fish: a piece of fish; peel apple: the apples; mix salad: a green salad;
        pour milk: some cold milk; taste sauce: the tomato sauce""",
        """kitchen: in the kitchen; stove: near the hot stove; counter: at the counter; table: beside the table;
        window: by an open window""",
        """knife: with a sharp knife close at hand; dinner: before dinner; radio: beside a loud radio;
        apron: wearing a clean apron;
        guest: for a hungry guest; evening: late in the evening""",
    ),
    _scene(
        "sailor captain fisherman tourist diver swimmer",
        """tie rope: a rope; watch whale: a whale; catch crab: a small crab; paint boat: the wooden boat;
        follow dolphin: three dolphins; throw net: a wide net; collect shell: shells; feed gull: the gulls;
        wave flag: a yellow flag; mend sail: a torn sail""",
        """dock: on the dock; beach: near the beach; harbor: in the harbor; island: close to an island;
        lighthouse: below the lighthouse""",
        """storm: before the storm; wind: in a strong wind; camera: with a camera ready; crew: with the whole crew;
        sunset: at sunset; radio: beside a loud radio""",
    ),
    _scene(
        "teacher student boy girl professor librarian classmate",
        """write sentence: a long sentence; read book: a thick book; solve problem: a hard problem; draw map: a map;
        answer question: the last question; open notebook: a new notebook; learn poem: a short poem;
        sharpen pencil: a pencil; study history: the history of Rome; give speech: a short speech""",
        """classroom: in the classroom; library: at the library; board: in front of the board; desk: at a small desk;
        hall: in the school hall""",
        """class: for the whole class; exam: before the exam; lunch: after lunch; smile: with a proud smile;
        computer: next to a computer; silence: in complete silence""",
    ),
    _scene(
        "singer musician guitarist man woman dancer",
        """play guitar: the guitar; sing song: a slow song; beat drum: a drum; tune piano: an old piano;
        hold microphone: a microphone; perform dance: a wild dance; practice violin: the violin;
        blow trumpet: a shiny trumpet; mend costume: a silver costume; strike bell: a little bell""",
        """stage: on the stage; street: in a busy street; club: at a crowded club; festival: at the summer festival;
        studio: in the studio""",
        """crowd: in front of a large crowd; band: with the band; light: under a bright light;
        night: deep in the night;
        audience: with the audience clapping; coat: wearing a long coat""",
    ),
    _scene(
        "player athlete coach goalkeeper captain striker",
        """kick ball: the ball; score goal: a late goal; win match: the match; hit target: the target; jump rope: rope;
        lift trophy: the trophy; blow whistle: the whistle; lace shoe: a new pair of shoes;
        block shot: an easy shot; celebrate victory: a great victory""",
        """stadium: in the stadium; field: on the muddy field; gym: at the gym; bench: near the bench;
        court: on the court""",
        """fan: in front of the cheering fans; rain: in heavy rain; jersey: wearing a blue jersey;
        second: in the last second;
        break: after the break; sweat: with sweat on the forehead""",
    ),
    _scene(
        "doctor nurse dentist surgeon medic",
        """wash hand: both hands; check chart: the chart; bring medicine: the medicine; adjust mask: a white mask;
        call family: the family; bandage knee: a sore knee; examine tooth: a broken tooth;
        push wheelchair: a wheelchair;
        hold baby: a newborn baby; sign form: a form""",
        """hospital: at the hospital; bed: beside the bed; office: in a tidy office; ward: on the quiet ward;
        door: near the door""",
        """glove: wearing white gloves; shift: at the end of a shift; lamp: under a bright lamp;
        clock: with one eye on the clock;
        colleague: with a calm colleague""",
    ),
    _scene(
        "gardener girl grandmother boy neighbor widow",
        """water rose: the roses; plant seed: a packet of seeds; rake leaf: the dry leaves; pick tomato: ripe tomatoes;
        cut grass: the long grass; pull weed: weeds; trim hedge: the hedge; dig hole: a deep hole;
        smell lavender: the lavender; build greenhouse: a greenhouse""",
        """garden: in the garden; gate: by the gate; wall: along the old wall; path: beside the path;
        pond: close to the pond""",
        """spring: in early spring; hose: with a hose over one shoulder; bee: among the busy bees;
        glove: wearing thick gloves;
        basket: with a basket on one arm; cat: with the cat watching""",
    ),
    _scene(
        "child boy girl toddler brother sister",
        """build snowman: a huge snowman; throw snowball: a snowball; pull sled: a heavy sled;
        share scarf: a striped scarf;
        shovel snow: fresh snow; drink cocoa: hot cocoa; break icicle: a long icicle; drop mitten: a red mitten;
        follow track: the tracks of a fox""",
        """yard: in the yard; hill: on the hill; porch: near the porch; forest: at the edge of the forest;
        street: in the street""",
        """winter: in winter; father: with a laughing father; coat: wearing a thick coat; dusk: at dusk;
        puppy: with a playful puppy;
        school: after school""",
    ),
    _scene(
        "carpenter builder worker uncle apprentice painter",
        """hammer nail: a nail; paint wall: the wall; cut board: a board; carry ladder: a ladder;
        fix roof: the leaky roof;
        measure plank: a long plank; mix cement: the cement; drill hole: a hole; lay brick: bricks;
        sand chair: an old chair""",
        """house: beside the house; garage: in the garage; workshop: in the workshop; yard: out in the yard;
        site: at the building site""",
        """helmet: wearing a yellow helmet; noon: until noon; dust: in a cloud of dust; tool: with borrowed tools;
        partner: with a silent partner; heat: in the summer heat""",
    ),
    _scene(
        "tourist traveler family couple guide hiker",
        """climb mountain: a steep mountain; cross river: a cold river; pack bag: a heavy bag; take picture: a picture;
        follow trail: the trail; pitch tent: a tent; light fire: a small fire; carry backpack: a backpack;
        watch eagle: an eagle; gather wood: dry wood""",
        """valley: in the valley; forest: deep in the forest; waterfall: near the waterfall; cave: outside a cave;
        cabin: close to the cabin""",
        """map: with a map; dawn: at dawn; fog: in thick fog; compass: with a compass; mule: with a tired mule;
        summer: every summer""",
    ),
    _scene(
        "customer clerk lady shopper cashier student",
        """buy dress: a blue dress; try shoe: on a pair of shoes; pay bill: the bill; push cart: a full cart;
        choose gift: a birthday gift; fold shirt: a shirt; return jacket: a torn jacket; carry box: a large box;
        weigh fruit: the fruit; compare price: the prices""",
        """store: in the store; market: at the market; mall: in a crowded mall; shelf: beside the shelf;
        mirror: in front of a mirror""",
        """coupon: with a coupon; holiday: before the holiday; money: with borrowed money; daughter: for a daughter;
        list: with a long list; hurry: in a great hurry""",
    ),
    _scene(
        "driver mechanic passenger policeman commuter woman",
        """park car: a car; wash truck: the truck; change tire: a flat tire; drive bus: the bus; stop taxi: a taxi;
        repair engine: the engine; read sign: a sign; start motorcycle: a motorcycle; check mirror: the mirror;
        fill tank: the tank""",
        """road: on the road; station: at the station; corner: around the corner; tunnel: near the tunnel;
        garage: inside the garage""",
        """traffic: in heavy traffic; phone: with a phone in one pocket; midnight: at midnight; ice: despite the ice;
        coffee: with a cup of coffee; noise: in all the noise""",
    ),
    _scene(
        "cat dog kitten puppy",
        """chase mouse: a grey mouse; chew slipper: a slipper; lick bowl: the empty bowl; steal sausage: a sausage;
        hide bone: a bone; scratch sofa: the sofa; watch bird: a bird; follow butterfly: a butterfly;
        knock vase: against a vase; bury toy: a favorite toy""",
        """kitchen: in the kitchen; carpet: on the carpet; garden: in the garden; stair: under the stairs;
        balcony: on the balcony""",
        """owner: with the owner asleep; breakfast: before breakfast; moonlight: by moonlight; storm: during a storm;
        family: in front of the whole family; collar: wearing a new collar""",
    ),
    _scene(
        "grandmother aunt woman tailor girl widow",
        """knit scarf: a warm scarf; sew button: a button; mend sock: an old sock; iron shirt: the shirts;
        fold blanket: a blanket;
        drink tea: a cup of tea; write letter: a letter; tell story: a long story; light candle: a candle;
        open album: the family album""",
        """fireplace: by the fireplace; window: at the window; chair: in a rocking chair; attic: up in the attic;
        lamp: under the lamp""",
        """cat: with a cat at one side; night: on cold nights; glass: wearing thick glasses;
        rain: to the sound of rain;
        memory: with fond memories; grandchild: for a grandchild""",
    ),
    _scene(
        "artist painter student photographer tourist sculptor",
        """paint portrait: a portrait; draw face: a face; carve statue: a statue; mix color: the colors;
        clean brush: a brush;
        frame picture: a large picture; sketch horse: a running horse; hang poster: a poster;
        sell painting: a painting;
        shape clay: the soft clay""",
        """studio: in a bright studio; museum: at the museum; street: in a narrow street; bridge: near the bridge;
        gallery: at the gallery""",
        """model: with a patient model; pencil: with a pencil behind one ear; daylight: by daylight;
        ladder: beside a ladder;
        coat: wearing a stained coat; hour: for hours""",
    ),
    _scene(
        "reporter lawyer manager secretary engineer boss",
        """type report: a report; answer phone: the phone; sign contract: the contract; send message: a message;
        print page: the last page; open meeting: the meeting; read newspaper: a newspaper; close laptop: the laptop;
        file paper: some papers; order lunch: lunch""",
        """office: in the office; desk: at the desk; elevator: near the elevator; hallway: out in the hallway;
        window: by the window""",
        """coffee: over a strong coffee; deadline: before the deadline; suit: wearing a dark suit;
        client: for an angry client;
        assistant: with a new assistant; Monday: on Monday""",
    ),
    _scene(
        "man woman couple neighbor family host",
        """clean room: the room; move sofa: the heavy sofa; watch movie: a movie; wrap present: the presents;
        hang curtain: the curtains; set table: the table; vacuum rug: the rug; decorate tree: a tree;
        play chess: a game of chess;
        invite friend: some old friends""",
        """house: in the new house; apartment: at the apartment; hall: in the hall; basement: down in the basement;
        terrace: on the terrace""",
        """party: before the party; guest: for the guests; afternoon: all afternoon; pizza: over a pizza;
        help: without any help;
        birthday: on a birthday""",
    ),
    _scene(
        "boy girl surfer family swimmer lifeguard",
        """build sandcastle: a sandcastle; ride wave: a big wave; open umbrella: an umbrella;
        lick cone: an ice cream cone;
        spread towel: a towel; dig tunnel: a tunnel; carry surfboard: a surfboard;
        wear sunglasses: a pair of sunglasses;
        touch starfish: a starfish; throw stone: flat stones""",
        """beach: at the beach; ocean: beside the ocean; shore: along the shore; pier: near the pier;
        pool: by the pool""",
        """sun: under a burning sun; August: in August; dog: with a wet dog barking; breeze: in a soft breeze;
        cousin: with a cousin;
        tide: at high tide""",
    ),
)
