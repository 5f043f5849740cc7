"""Issues: title, what is said, labels, who is to do it, milestone, whether it is closed. Who writes what follows from chance."""

issues = {
    "lanternworks/beacon": [
        ("Lamps in the attic are not found", "The list shows seven lamps; there are nine.", ["bug"], "teodor", "1.0", True),
        ("Say which room a lamp belongs to", "`beacon list` could have a column for it.", ["feature"], "salma", "1.0", True),
        ("Crash when no lamp is plugged in", "An empty network ends with a traceback.", ["bug", "good first issue"], "salma", "1.0", False),
        ("Colour names in other languages", "My colleagues type bernstein.", ["feature"], None, "1.1", False),
        ("What does slate look like?", "Is there a picture of the colours?", ["question", "documentation"], "ines", None, True),
        ("Fading stops half way", "With 24 steps the lamp stays between two colours.", ["bug", "needs reproduction"], "teodor", "1.0", False),
        ("Schedule colours by the hour", "Amber in the evening, slate at noon.", ["feature"], "mara", "1.1", False),
        ("Document the token", "Nothing says where BEACON_TOKEN comes from.", ["documentation", "good first issue"], "ines", "1.0", False),
        ("Exit code is 0 when lamps are silent", "Scripts cannot tell.", ["bug"], "salma", "1.0", False),
        ("Support lamps of the first series", "They speak another dialect.", ["feature", "question"], None, None, False),
        ("Amber is too red on the hall lamp", "Others look fine.", ["bug", "needs reproduction"], "teodor", None, True),
        ("Group rooms into floors", "We have three floors.", ["feature"], None, "1.1", False),
        ("Timeout is shorter than the radio's patience", "Five seconds would do.", ["bug"], "mara", "1.0", False),
        ("List is not sorted by room", "It is sorted by name alone.", ["feature", "good first issue"], None, None, False),
    ],
    "lanternworks/firmware": [
        ("Watchdog bites during updates", "Eight seconds are not enough.", ["bug"], "teodor", "Spring lamp", False),
        ("Blink pattern for a lost network", "Three short ones?", ["feature"], "bram", "Spring lamp", False),
        ("Which compiler do you use?", "gcc 9 warns.", ["question"], None, None, True),
        ("Blue channel flickers at low light", "Below four per cent.", ["bug", "needs reproduction"], "teodor", None, False),
        ("Describe the flashing cable", "Which pin is ground?", ["documentation"], "ines", None, True),
        ("Keep the colour when power returns", "It comes back white.", ["feature"], None, "Spring lamp", False),
    ],
    "lanternworks/handbook": [
        ("Who waters the plants in August?", "Last year nobody did.", ["question"], "ines", None, False),
        ("The travel form asks for the cost centre twice", "On both sides.", ["bug"], "salma", None, False),
        ("Write down how releases are named", "Year and number, or numbers only?", ["documentation"], "mara", None, True),
    ],
    "lanternworks/website": [
        ("Contact page has no telephone number", "Only an address.", ["feature"], "ines", None, False),
        ("Headings run out of the page on small screens", "2.4rem is a lot.", ["bug"], "salma", "Spring lamp", False),
        ("Opening hours are last year's", "It is Wednesdays now.", ["bug", "good first issue"], "ines", "Spring lamp", False),
        ("Pictures of lamps by night", "They are all taken by day.", ["feature"], None, "Spring lamp", True),
    ],
    "tidepool/tide-tables": [
        ("Vlissingen is twelve minutes late", "Compared with the gauge.", ["bug"], "noor", "Harbours of the south", False),
        ("Add Terschelling", "I can measure in May.", ["feature"], "piet", "Harbours of the north", True),
        ("Add Zeebrugge", "The harbour office agrees.", ["feature"], "piet", "Harbours of the south", False),
        ("What is the datum?", "Chart datum or mean sea level?", ["question", "documentation"], "noor", None, True),
        ("Daylight saving shifts the tables", "By an hour, in March.", ["bug", "good first issue"], "yuki", "Harbours of the north", False),
        ("Say how good predictions are", "A line per harbour.", ["documentation"], None, None, False),
        ("Wind is ignored", "South-westerlies raise the water.", ["feature", "question"], None, None, False),
    ],
    "tidepool/gauge-reader": [
        ("Reads stop after a day", "The port stays open.", ["bug", "needs reproduction"], "piet", None, False),
        ("Values in feet", "For our friends overseas.", ["feature"], None, None, False),
        ("Support the OTT PLS", "It speaks SDI-12.", ["feature"], "piet", None, False),
    ],
    "tidepool/charts": [
        ("Axis starts in the wrong month", "January is missing.", ["bug"], "yuki", None, False),
        ("Charts in black and white", "For printing.", ["feature"], None, None, False),
    ],
    "mara/sundial": [("Shadow of midnight", "Above the polar circle there is one.", ["question"], "mara", None, False)],
}

remarks = [
    "I see this too, since last week.",
    "It works on my machine; which version is it?",
    "Could somebody try this with the newest release?",
    "I would like to work on this.",
    "There is more about it in the wiki.",
    "Thank you for reporting it.",
    "This was discussed before, and we did not agree.",
    "A picture would help.",
    "Let us do the simplest thing first.",
    "I have a branch for this, but it is not ready.",
    "Please do not forget the documentation.",
    "Closing words: it is done when the tests say so.",
]
