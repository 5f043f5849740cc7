// Values of WebArena-Verified's types in the forms in which sites and agents write them.
import fc from "fast-check";
import type { Json } from "../../shared/src/node/benchmark/webarena/verified/json-value.ts";

const day = fc.date({ min: new Date("1990-01-01"), max: new Date("2035-12-31"), noInvalidDate: true });
const dateTexts = day.chain((date) => {
  const [year, month, number] = date.toISOString().slice(0, 10).split("-") as [string, string, string];
  const long = date.toLocaleString("en-US", { month: "long", timeZone: "UTC" });
  const weekday = date.toLocaleString("en-US", { weekday: "long", timeZone: "UTC" });
  const plain = String(Number(number));
  return fc.constantFrom(
    `${year}-${month}-${number}`,
    `${year}/${month}/${number}`,
    `${month}/${number}/${year}`,
    `${Number(month)}/${plain}/${year.slice(2)}`,
    `${month}-${number}-${year}`,
    `${long} ${plain}, ${year}`,
    `${long.slice(0, 3)} ${plain} ${year}`,
    `${plain} ${long} ${year}`,
    `${plain}th of ${long}, ${year}`,
    `${weekday}, ${long} ${plain}, ${year}`,
    `${plain}-${long.slice(0, 3)}-${year}`,
    `${year}${month}${number}`,
    `${year}${month}${number}T102030`,
    `${year}-${month}-${number}T10:20:30`,
    `${year}-${month}-${number} 10:20`,
    `${long} ${plain},${year}`,
    `${year} ${long} ${plain}`,
    `${long.slice(0, 3)}. ${plain}, ${year} 3:04 PM`,
    `soon`,
  );
});
const number = fc.oneof(
  fc.integer({ min: -2_000, max: 200_000 }),
  fc.double({ min: 0, max: 5_000, noNaN: true }).map((value) => Number(value.toFixed(2))),
);
const grouped = fc.integer({ min: 0, max: 9_999_999 }).map((value) => value.toLocaleString("en-US"));
const words = fc
  .array(
    fc.constantFrom(
      ..."alpha Beta-gamma café naïve the 3 No. 5th “quoted” it’s end. x–y Ünïcode straße ™mark a_b #1 50% (x) & co, ; !".split(
        " ",
      ),
    ),
    { minLength: 0, maxLength: 6 },
  )
  .map((parts) => parts.join(" "));
const numberWords = fc.constantFrom(
  "seven",
  "twenty-three",
  "one hundred five",
  "two thousand",
  "three million four hundred thousand",
  "forty two apples",
  "point five",
  "one point five",
  "apples",
  "nineteen hundred",
  "hundred",
);
const durations = fc
  .tuple(fc.integer({ min: 0, max: 90 }), fc.integer({ min: 0, max: 59 }))
  .chain(([a, b]) =>
    fc.constantFrom(
      `${a}h ${b}min`,
      `${a} hours, ${b} minutes`,
      `${a}:${String(b).padStart(2, "0")}`,
      `${a} min`,
      `${a}.5 hours`,
      `${a} hrs`,
      `${b} s`,
      `${a}d ${b}h`,
      `${a}:${b}:07`,
      `${a} h ${b} m`,
      `${a}`,
      `${a} minutes ${b} seconds`,
      `1:${String(b).padStart(2, "0")} hours`,
      `${a} days`,
      `2w ${a}d`,
      `about ${a} minutes`,
      `${a}m`,
    ),
  );
const distances = fc
  .tuple(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 0, max: 9 }))
  .chain(([a, b]) =>
    fc.constantFrom(
      `${a} m`,
      `${a}.${b} km`,
      `${a}km`,
      `${a}.${b} miles`,
      `${a} mi`,
      `${a} ft`,
      `${a + 1},${b}00 m`,
      `${a}`,
      `${a}k`,
      `${a} yards`,
      `${a}.${b} km.`,
      `${a} hm`,
      `${b} nmi`,
      `${a} meters`,
      `${a} parsnips`,
      `${b} inches`,
      `-${a} m`,
    ),
  );
const money = number.chain((value) =>
  fc.constantFrom<Json[]>(
    value,
    `$${value}`,
    `${value} USD`,
    `€${value}`,
    `-$${value}`,
    `${value}.`,
    `about ${value} dollars`,
    value.toLocaleString("en-US"),
    `$${value.toLocaleString("en-US")}`,
    "free",
    "none",
    `.${Math.round(Math.abs(value))}`,
    `10% off $${value}`,
    `${value}%`,
    `${value} for 5%`,
  ),
);

function pair(type: string, value: fc.Arbitrary<Json>): fc.Arbitrary<{ type: string; wanted: Json; given: Json }> {
  return fc.oneof(
    fc.record({ type: fc.constant(type), wanted: value, given: value }),
    value.map((wanted) => ({ type, wanted, given: wanted })),
  );
}

/** Two forms of one value, and two values. */
export const typedPairs = fc.oneof(
  pair(
    "string",
    fc.oneof(
      words,
      words.map((text) => `"${text}."`),
      fc.constantFrom("^alpha.*$", "^(no|yes)$", "alpha beta", "No"),
      fc.boolean(),
      fc.integer(),
    ),
  ),
  pair("number", fc.oneof<fc.Arbitrary<Json>[]>(number, grouped, numberWords, number.map(String), words)),
  pair("currency", money),
  pair("date", dateTexts),
  dateTexts.chain((wanted) => dateTexts.map((given) => ({ type: "date", wanted, given }))),
  pair(
    "month",
    fc.oneof<fc.Arbitrary<Json>[]>(
      fc.integer({ min: -1, max: 14 }),
      fc.constantFrom("May", "sept", "September", "01", "12", "13", "Mayor", "Feb 2023", "2023-05", "may 5"),
      dateTexts,
    ),
  ),
  pair("duration", durations),
  pair("distance", distances),
  pair("boolean", fc.constantFrom<Json[]>("yes", "No", "TRUE", "t", 1, 0, 2, true, false, "maybe", "on", "")),
  pair(
    "location-name",
    fc.constantFrom(
      "Carnegie Mellon University",
      "Carnegie Mellon Univ",
      "University, Carnegie-Mellon",
      "Univ. of Pittsburgh",
      "University of Pittsburgh",
      "Apple Store Shadyside",
      "Shadyside Apple Store",
      "Starbucks on Craig Street",
      "Starbucks Craig St",
      "",
    ),
  ),
  pair(
    "coordinates",
    fc.constantFrom<Json[]>(
      "40.4424, -79.9397",
      "40.4424 -79.9397",
      [40.4424, -79.9397],
      ["40.4424", "-79.9397"],
      { lat: 40.4424, lon: -79.9397 },
      { latitude: "40.4424", longitude: "-79.9397" },
      { lng: -79.9397, lat: 40.44241 },
      { x: 1 },
      "40.4424N, 79.9397W",
      "91, 0",
      "40.4425, -79.9397",
    ),
  ),
  pair(
    "json",
    fc.oneof(fc.json({ maxDepth: 2 }), fc.constantFrom('{"a":1,"b":[1,2]}', '{"b": [1, 2], "a": 1}', "{", "[]")),
  ),
  pair(
    "markdown",
    fc
      .array(
        fc.constantFrom(
          "# T",
          "##   T",
          "* a",
          "- a",
          "+ b",
          "   - c",
          "[x\n y](http://a)",
          "( z )",
          "",
          "",
          "text  ",
          "[ q ]",
          "a\tb",
        ),
        { maxLength: 6 },
      )
      .map((lines) => lines.join("\n")),
  ),
  pair("base64", fc.constantFrom("SGVsbG8=", "SGVsbG8", "SGVsbG8NCg==", "^Hel.*$", "TUlU", "####", "")),
  pair(
    "string_list",
    fc.array(fc.constantFrom("1", "64", "b", " A"), { maxLength: 4 }).map((items) => items.join(",")),
  ),
  pair("null", fc.constantFrom<Json[]>("n/a", "N / A", "", null, "none", 0, "x", [], false)),
);
