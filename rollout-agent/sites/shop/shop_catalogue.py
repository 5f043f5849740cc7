"""What the shop sells, who buys there and what they say. All of it is made up."""

suppliers = ["Northgate Wares", "Old Mill Trading", "Quayside Supply"]

catalogue = {
    "Kitchen": {
        "Kettles": [
            ("Copper Whistle Kettle", "64.00", "A stove kettle of 1.8 litres that whistles when the water boils."),
            ("Slate Electric Kettle", "39.50", "A quiet electric kettle with a window and a filter."),
            ("Camping Kettle", "18.25", "A light kettle with a folding handle."),
            ("Gooseneck Pour Kettle", "52.75", "A thin spout for slow coffee, with a thermometer in its lid."),
        ],
        "Knives": [
            ("Chef Knife 20 cm", "74.90", "A forged blade with an oak handle."),
            ("Bread Knife", "33.00", "A long wavy edge that leaves few crumbs."),
            ("Paring Knife", "14.60", "A small blade for fruit."),
            ("Oyster Knife", "19.95", "A short stiff blade with a guard."),
        ],
        "Pans": [
            ("Cast Iron Skillet", "45.00", "Seasoned twice, for the stove and the oven."),
            ("Copper Sauce Pan", "98.40", "Heats evenly and cools quickly."),
            ("Paella Pan 38 cm", "41.30", "Polished steel for six."),
            ("Milk Pan", "22.15", "An enamelled pan with two lips."),
        ],
    },
    "Garden": {
        "Tools": [
            ("Ash Handle Spade", "36.80", "A spade of carbon steel with a handle of ash."),
            ("Border Fork", "34.20", "Four tines for narrow beds."),
            ("Folding Pruning Saw", "27.45", "A saw for branches up to ten centimetres."),
            ("Bypass Secateurs", "31.00", "Sharp shears that can be taken apart."),
        ],
        "Seeds": [
            ("Black Tomato Seeds", "3.20", "Dark fruit in August."),
            ("Rainbow Chard Seeds", "2.85", "Stalks in five colours."),
            ("Sweet Pea Seeds", "2.40", "Scented flowers that climb two metres."),
            ("Winter Squash Seeds", "3.65", "Large fruit that keep until March."),
        ],
        "Watering": [
            ("Zinc Watering Can", "28.90", "Nine litres, with a brass rose."),
            ("Rain Barrel 200 l", "112.00", "A barrel with a tap and a lid."),
            ("Soaker Hose 15 m", "21.70", "Waters a bed without wetting the leaves."),
        ],
    },
    "Study": {
        "Notebooks": [
            ("Linen Notebook", "12.40", "Two hundred dotted pages that lie flat."),
            ("Field Notebook", "7.95", "Paper that may get wet."),
            ("Music Notebook", "9.80", "Twelve staves on a page."),
            ("Ledger", "24.00", "Columns for those who keep accounts by hand."),
        ],
        "Pens": [
            ("Brass Fountain Pen", "58.00", "A heavy pen with a fine nib."),
            ("Cedar Pencil Box", "11.25", "Twelve pencils in four grades."),
            ("Brush Pen", "6.70", "A soft tip for letters and shadows."),
        ],
        "Lamps": [
            ("Banker Desk Lamp", "83.50", "A green shade over brass."),
            ("Clip Reading Lamp", "26.35", "Holds on to a shelf or a book."),
            ("Architect Lamp", "71.20", "Three joints and a long reach."),
            ("Candle Lantern", "17.60", "Glass on four sides."),
        ],
    },
    "Trail": {
        "Bags": [
            ("Canvas Day Pack", "66.00", "Twenty litres, waxed."),
            ("Roll Top Pannier", "54.30", "Keeps dry what is in it, on any rack."),
            ("Map Case", "13.90", "Clear on both sides."),
        ],
        "Warmth": [
            ("Wool Blanket", "79.00", "Two metres of heather wool."),
            ("Merino Socks", "16.50", "Thin, warm and slow to smell."),
            ("Felt Hat", "42.60", "Sheds rain and keeps its shape."),
            ("Sheepskin Mittens", "48.75", "For the coldest mornings."),
        ],
        "Light and Fire": [
            ("Head Torch", "37.10", "Burns for sixty hours on one charge."),
            ("Fire Steel", "10.95", "Three thousand strikes."),
            ("Storm Matches", "4.35", "Burn in wind and rain."),
        ],
    },
}

customers = [
    ("Emma", "Lopez"),
    ("Brian", "Ashford"),
    ("Chloe", "Watanabe"),
    ("Daniel", "Okafor"),
    ("Elif", "Kaya"),
    ("Felix", "Brandt"),
    ("Grace", "Holloway"),
    ("Hugo", "Lindqvist"),
    ("Iris", "Moreau"),
    ("Jonas", "Peters"),
    ("Kiran", "Desai"),
    ("Lena", "Fischer"),
    ("Marco", "Bianchi"),
    ("Nora", "Sullivan"),
    ("Owen", "Price"),
    ("Paula", "Reyes"),
    ("Quentin", "Hale"),
    ("Rosa", "Silva"),
    ("Samir", "Haddad"),
    ("Tara", "Quinn"),
]

places = [
    ("Mill Lane", "York", "YO1 7HH"),
    ("Harbour Street", "Whitby", "YO21 3PU"),
    ("Castle Road", "Ludlow", "SY8 1AT"),
    ("Bridge End", "Hebden Bridge", "HX7 8EX"),
    ("Orchard Way", "Hereford", "HR1 2LX"),
    ("Station Terrace", "Settle", "BD24 9AA"),
    ("Priory Close", "Lewes", "BN7 2QG"),
    ("Market Hill", "Buckingham", "MK18 1JX"),
]

reviews = {
    1: [
        ("Broke within a week", "It came apart in my hands and nobody answered my letter."),
        ("Not what was shown", "The colour is wrong and the size is too."),
    ],
    2: [
        ("Disappointing", "It does its work, though I had hoped for more."),
        ("Too dear for what it is", "There are cheaper ones that are as good."),
    ],
    3: [
        ("Does the job", "Neither good nor bad."),
        ("Fair enough", "It took three weeks to arrive, but it works."),
    ],
    4: [
        ("Very nearly perfect", "I only wish that it were a little lighter."),
        ("Good value", "Well made and well packed."),
    ],
    5: [
        ("Could not be better", "I use it every day and have bought a second one as a gift."),
        ("Made to last", "My grandmother had one like it, and this one is as solid."),
    ],
}
