"""Repositories: what is in them, and how it came about. A change is who, what for, which file, and what was added to it."""

labels = {
    "bug": ("d73a4a", "Something does not work as it is said to"),
    "feature": ("0e8a16", "Something that could be there"),
    "documentation": ("0075ca", "Words about it"),
    "question": ("cc317c", "Somebody wants to know"),
    "good first issue": ("7057ff", "For whoever is new here"),
    "needs reproduction": ("fbca04", "Nobody else has seen it yet"),
}

projects = {
    "lanternworks/beacon": {
        "about": "Command line tool that drives Lanternworks lamps",
        "topics": ["cli", "lamps", "python"],
        "milestones": {"1.0": 40, "1.1": -45},
        "files": {
            "README.md": "# Beacon\n\nDrives lamps from a terminal.\n\n    beacon list\n    beacon set hall amber\n",
            "LICENSE": "MIT License\n\nCopyright (c) 2025 Lanternworks\n",
            "beacon/__init__.py": '__version__ = "0.1.0"\n',
            "beacon/lamps.py": '"""The lamps that can be reached."""\n\nRETRIES = 3\n\n\ndef find(network):\n    return sorted(network.lamps(), key=lambda lamp: lamp.name)\n',
            "beacon/colours.py": '"""Names of colours."""\n\nCOLOURS = {\n    "amber": "#ffbf00",\n    "slate": "#708090",\n}\n',
            "CHANGELOG.md": "# Changes\n",
        },
        "changes": [
            ("teodor", "Set the colour of all lamps of a room", "beacon/rooms.py", "def lamps_of(room, lamps):\n    return [lamp for lamp in lamps if lamp.room == room]\n"),
            ("salma", "Say which lamps did not answer", "beacon/lamps.py", "\n\ndef silent(lamps):\n    return [lamp for lamp in lamps if not lamp.answered]\n"),
            ("mara", "Prepare 0.2.0", "CHANGELOG.md", "\n## 0.2.0\n\n- rooms\n- silent lamps are named\n"),
            ("ines", "Explain rooms", "README.md", "\n## Rooms\n\nA lamp belongs to one room at most.\n"),
            ("teodor", "Fade instead of switching", "beacon/fade.py", "STEPS = 24\n\n\ndef fade(lamp, colour):\n    for step in range(STEPS):\n        lamp.mix(colour, step / STEPS)\n"),
            ("salma", "Read the token from the environment", "beacon/token.py", 'import os\n\nTOKEN = os.environ.get("BEACON_TOKEN")\n'),
            ("mara", "Prepare 0.3.0", "CHANGELOG.md", "\n## 0.3.0\n\n- fading\n- the token is read from BEACON_TOKEN\n"),
            ("ravi", "Fix a typo in the list of colours", "beacon/colours.py", "# Add yours in alphabetical order.\n"),
        ],
        "releases": {"v0.2.0": (3, "Rooms", False), "v0.3.0": (7, "Fading", False), "v0.4.0-rc1": (8, "Schedules, a first look", True)},
    },
    "lanternworks/firmware": {
        "about": "What runs inside the lamps",
        "topics": ["c", "embedded", "lamps"],
        "milestones": {"Spring lamp": -20},
        "files": {
            "README.md": "# Firmware\n\nBuilds with `make`. Flash it with `make flash`.\n",
            "Makefile": "CFLAGS = -Os -Wall\nfirmware: main.c colour.c\n\t$(CC) $(CFLAGS) -o $@ $^\n",
            "main.c": "int main(void) {\n  for (;;) tick();\n}\n",
            "colour.c": "/* Mixes three channels. */\n",
            "config.h": "#define WATCHDOG_SECONDS 8\n#define CHANNELS 3\n",
        },
        "changes": [
            ("teodor", "Do not blink while starting", "main.c", "/* The light stays off until the first message. */\n"),
            ("teodor", "Correct gamma", "colour.c", "static const float gamma = 2.2f;\n"),
            ("mara", "A longer watchdog for slow radios", "config.h", "#define RADIO_PATIENCE_SECONDS 5\n"),
            ("bram", "Build with clang as well", "Makefile", "clang: CC = clang\nclang: firmware\n"),
        ],
        "releases": {"2025.1": (2, "Autumn lamp", False)},
    },
    "lanternworks/handbook": {
        "about": "How we work. The wiki is the handbook; this repository keeps its pictures and forms",
        "topics": ["handbook"],
        "milestones": {},
        "files": {
            "README.md": "# Handbook\n\nRead it in the wiki.\n",
            "forms/travel.md": "Name:\nFrom:\nTo:\nReason:\n",
            "forms/leave.md": "Name:\nFirst day:\nLast day:\n",
        },
        "changes": [
            ("ines", "Ask for the cost centre", "forms/travel.md", "Cost centre:\n"),
            ("salma", "A form for broken lamps", "forms/broken-lamp.md", "Lamp:\nWhat it did:\n"),
        ],
        "releases": {},
    },
    "lanternworks/website": {
        "about": "The pages of lanternworks.example",
        "topics": ["html", "website"],
        "milestones": {"Spring lamp": -15},
        "files": {
            "README.md": "# Website\n\nPlain pages, no build.\n",
            "index.html": "<h1>Lanternworks</h1>\n<p>Lamps that tell the weather.</p>\n",
            "contact.html": "<h1>Contact</h1>\n<p>Write to hello@lanternworks.example.</p>\n",
            "style.css": "body { font-family: serif; }\n",
        },
        "changes": [
            ("ines", "Opening hours of the workshop", "contact.html", "<p>The workshop is open on Thursdays.</p>\n"),
            ("salma", "Larger type", "style.css", "h1 { font-size: 2.4rem; }\n"),
            ("ines", "Say where the lamps are made", "index.html", "<p>Made in Umea.</p>\n"),
        ],
        "releases": {},
    },
    "tidepool/tide-tables": {
        "about": "Tide predictions for small harbours",
        "topics": ["python", "tides"],
        "milestones": {"Harbours of the north": 12, "Harbours of the south": -60},
        "files": {
            "README.md": "# Tide tables\n\nPredictions for harbours that no almanac lists.\n",
            "harbours.csv": "harbour,latitude,longitude\nOudeschild,53.04,4.85\nVlissingen,51.44,3.57\n",
            "predict.py": '"""Sums of harmonics."""\n\nCONSTITUENTS = 37\n',
            "CONTRIBUTING.md": "Measure for a month before you add a harbour.\n",
        },
        "changes": [
            ("piet", "Add Harlingen", "harbours.csv", "Harlingen,53.17,5.41\n"),
            ("noor", "Round to five minutes", "predict.py", "ROUND_TO_MINUTES = 5\n"),
            ("yuki", "Add Mikawa", "harbours.csv", "Mikawa,34.79,137.00\n"),
            ("mara", "Add Holmsund", "harbours.csv", "Holmsund,63.70,20.35\n"),
            ("noor", "Say what a constituent is", "README.md", "\nA constituent is one of the waves that make up a tide.\n"),
        ],
        "releases": {"2025-autumn": (2, "Autumn tables", False), "2026-winter": (5, "Winter tables", False)},
    },
    "tidepool/gauge-reader": {
        "about": "Reads tide gauges over a serial line",
        "topics": ["rust", "serial"],
        "milestones": {},
        "files": {
            "README.md": "# Gauge reader\n\nOne line per minute, in centimetres.\n",
            "Cargo.toml": '[package]\nname = "gauge-reader"\nversion = "0.5.2"\nedition = "2021"\n',
            "src/main.rs": "const BAUD: u32 = 9600;\n\nfn main() {}\n",
        },
        "changes": [
            ("piet", "Time out after ten seconds", "src/main.rs", "const TIMEOUT_SECONDS: u64 = 10;\n"),
            ("noor", "Name the gauges that are known to work", "README.md", "\nKnown to work: OTT RLS, Vega PS61.\n"),
        ],
        "releases": {"v0.5.2": (1, "Timeouts", False)},
    },
    "tidepool/charts": {
        "about": "Charts of the tide tables",
        "topics": ["charts", "javascript"],
        "milestones": {},
        "files": {"README.md": "# Charts\n", "chart.js": "export const width = 960;\n"},
        "changes": [("yuki", "High water in a darker blue", "chart.js", 'export const highWater = "#123c69";\n')],
        "releases": {},
    },
    "mara/notes": {
        "about": "Things to remember",
        "topics": [],
        "milestones": {},
        "files": {"README.md": "# Notes\n", "groceries.md": "- rye flour\n- lamp oil\n"},
        "changes": [("mara", "More groceries", "groceries.md", "- herring\n")],
        "releases": {},
    },
    "mara/sundial": {
        "about": "Where the shadow falls",
        "topics": ["astronomy"],
        "milestones": {},
        "files": {"README.md": "# Sundial\n\nFor latitudes from 50 to 70 degrees.\n", "dial.py": "LATITUDE = 63.8\n"},
        "changes": [("ravi", "Work south of the equator", "dial.py", "HEMISPHERE = 1\n")],
        "releases": {},
    },
    "ravi/bread-log": {
        "about": "Every loaf since 2023",
        "topics": ["bread"],
        "milestones": {},
        "files": {"README.md": "# Bread\n", "loaves.csv": "date,flour,hours\n2023-01-08,rye,18\n"},
        "changes": [("ravi", "Another loaf", "loaves.csv", "2025-02-02,spelt,14\n")],
        "releases": {},
    },
    "yuki/kanji-cards": {
        "about": "Cards to learn from, forty a week",
        "topics": ["language"],
        "milestones": {},
        "files": {"README.md": "# Cards\n", "week-01.md": "Forty cards about water.\n"},
        "changes": [("yuki", "The second week", "week-02.md", "Forty cards about weather.\n")],
        "releases": {},
    },
    "piet/dotfiles": {
        "about": "How my machines are set up",
        "topics": ["dotfiles"],
        "milestones": {},
        "files": {"README.md": "# Dotfiles\n", "vimrc": "set number\nset tabstop=4\n"},
        "changes": [("piet", "Two spaces are enough", "vimrc", "set tabstop=2\n")],
        "releases": {},
    },
}

# Title, who, branch, file, what is added, what is said, outcome, who reviewed it.
pulls = {
    "lanternworks/beacon": [
        ("Retry with a pause", "salma", "retry-pause", "beacon/pause.py", "PAUSE_SECONDS = 2\n", "Lamps that were silent answer more often after a pause.", "merged", "mara"),
        ("List colours by hue", "ravi", "hue-order", "beacon/hue.py", "ORDER = 'hue'\n", "Alphabetical order is hard on the eye.", "closed", None),
        ("Complete colour names in the shell", "bram", "completion", "completion.bash", "complete -W 'amber slate' beacon\n", "For bash only; fish comes later.", "open", "teodor"),
        ("Document exit codes", "ines", "exit-codes", "docs/exit-codes.md", "0: all lamps answered\n1: some did not\n", "So that scripts can rely on them.", "open", None),
    ],
    "lanternworks/firmware": [
        ("Sleep between messages", "bram", "sleep", "sleep.c", "void sleep_until_message(void);\n", "Halves the current.", "open", "teodor"),
        ("Fourth channel for warm white", "teodor", "warm-white", "warm.c", "int warm;\n", "For the spring lamp.", "merged", "mara"),
    ],
    "lanternworks/website": [
        ("Page about the spring lamp", "salma", "spring-lamp", "spring.html", "<h1>The spring lamp</h1>\n", "Pictures follow.", "open", None),
        ("Describe the workshop", "ines", "workshop", "workshop.html", "<h1>The workshop</h1>\n", "Where it is and how to get there.", "open", "mara"),
    ],
    "tidepool/tide-tables": [
        ("Add Den Oever", "noor", "den-oever", "harbours/den-oever.csv", "Den Oever,52.93,5.03\n", "Measured for six weeks.", "merged", "piet"),
        ("Predict currents too", "yuki", "currents", "currents.py", "KNOTS = True\n", "A first attempt.", "open", "noor"),
    ],
    "tidepool/gauge-reader": [
        ("Read two gauges at once", "piet", "two-gauges", "src/pair.rs", "pub struct Pair;\n", "With a thread each.", "open", None),
    ],
}
