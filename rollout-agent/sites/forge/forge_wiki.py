"""Wikis: pages with who wrote them last, and the facts in them that tasks ask for."""

wikis = {
    "lanternworks/handbook": {
        "Home": ("ines", "Welcome to the handbook of Lanternworks.\n\n- [[Working hours]]\n- [[Travel]]\n- [[Workshop]]\n- [[Lamp series]]\n- [[Releases]]\n- [[Glossary]]\n- [[Visitors]]\n- [[Incidents]]\n- [[Kitchen]]\n- [[Suppliers]]\n", []),
        "Working hours": ("ines", "# Working hours\n\nCore time is from **10:00 to 15:00**. On Fridays the office closes at **16:00**.\n\nWho works from home says so in the channel *presence* before nine.\n", [
            ("At what time does the office close on Fridays?", "16:00"),
            ("In which channel does one say that one works from home?", "presence"),
        ]),
        "Travel": ("salma", "# Travel\n\nTrains are booked by **Salma Haddad**, second class, at least **14** days ahead. A night in a hotel may cost **95** euros.\n", [
            ("How many days ahead must trains be booked?", 14),
            ("How many euros may a night in a hotel cost?", 95),
        ]),
        "Workshop": ("teodor", "# Workshop\n\nThe key hangs behind the **blue** cabinet. The laser cutter is called **Magda** and may be used by two people at a time.\n\n| machine | who to ask |\n| --- | --- |\n| laser cutter | Teodor Blaga |\n| lathe | Bram Okafor |\n| kiln | Yuki Tanabe |\n", [
            ("What is the laser cutter called?", "Magda"),
            ("Whom does one ask about the lathe?", "Bram Okafor"),
            ("Whom does one ask about the kiln?", "Yuki Tanabe"),
        ]),
        "Lamp series": ("mara", "# Lamp series\n\n| series | name | year | channels |\n| --- | --- | --- | --- |\n| 1 | Wick | 2021 | 1 |\n| 2 | Ember | 2023 | 3 |\n| 3 | Aurora | 2025 | 4 |\n", [
            ("In which year did the series Ember appear?", 2023),
            ("How many channels has the series Aurora?", 4),
        ]),
        "Releases": ("mara", "# Releases\n\nReleases are made on **Tuesdays**, never before a holiday. The release captain of this quarter is **Salma Haddad**; the deputy is **Ravi Menon**.\n", [
            ("Who is the deputy of the release captain?", "Ravi Menon"),
            ("On which day of the week are releases made?", "Tuesdays"),
        ]),
        "Glossary": ("ravi", "# Glossary\n\n- **gloaming**: the hour in which lamps change to amber\n- **snuffing**: switching off all lamps of a room\n- **trimming**: correcting the white of a lamp\n", [
            ("What is the word for switching off all lamps of a room?", "snuffing"),
        ]),
        "Visitors": ("ines", "# Visitors\n\nVisitors sign the book at the door. Groups of more than **12** come on Thursdays only. The guest network is called *lantern-guest*.\n", [
            ("What is the guest network called?", "lantern-guest"),
        ]),
        "Incidents": ("teodor", "# Incidents\n\n## The long night\n\nOn 3 December 2025 all lamps of Kochi stayed amber for **7** hours, because a certificate had expired.\n", [
            ("How many hours did the lamps of Kochi stay amber?", 7),
        ]),
        "Kitchen": ("salma", "# Kitchen\n\nThe dishwasher runs at 17:30. Coffee is paid for on the list by the window.\n", []),
        "Suppliers": ("bram", "# Suppliers\n\n- glass: Orrefors Restglas\n- cables: Kabel Vos\n- radios: Pulsar Nine\n", [
            ("Who supplies the radios?", "Pulsar Nine"),
            ("Who supplies the cables?", "Kabel Vos"),
        ]),
    },
    "tidepool/tide-tables": {
        "Home": ("noor", "How the tables are made.\n\n- [[Datum]]\n- [[Measuring]]\n", []),
        "Datum": ("noor", "# Datum\n\nAll heights are above **lowest astronomical tide**.\n", []),
        "Measuring": ("piet", "# Measuring\n\nMeasure for at least **31** days, one value every 10 minutes.\n", []),
    },
}
