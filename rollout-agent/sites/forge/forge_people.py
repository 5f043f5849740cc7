"""Who is at the forge. Nobody of them exists elsewhere, and their password opens nothing else."""

PASSWORD = "throwaway"
ADMINISTRATOR = "keeper"

people = {
    "keeper": "Edda Keeper",
    "mara": "Mara Lindqvist",
    "teodor": "Teodor Blaga",
    "ines": "Ines Carvalho",
    "ravi": "Ravi Menon",
    "yuki": "Yuki Tanabe",
    "salma": "Salma Haddad",
    "piet": "Piet Verhoeven",
    "noor": "Noor Jansen",
    "bram": "Bram Okafor",
}

places = {
    "mara": "Umea",
    "teodor": "Cluj",
    "ines": "Aveiro",
    "ravi": "Kochi",
    "yuki": "Nagoya",
    "salma": "Tyre",
    "piet": "Vlissingen",
    "noor": "Den Helder",
    "bram": "Lagos",
}

# The first member owns the organisation, the others may write.
organisations = {
    "lanternworks": ("Lanternworks", "Lamps that tell the weather", ["mara", "teodor", "ines", "salma"]),
    "tidepool": ("Tidepool", "Measuring the shore, together", ["noor", "mara", "piet", "yuki"]),
}

# Keys of sessions, which the logins of `site.json` name: eight bytes in hexadecimal digits.
sessions = {name: name.encode().ljust(8, b"\0").hex() for name in ("mara", "ines", "piet", "keeper")}


def email(name):
    return f"{name}@forge.example"
