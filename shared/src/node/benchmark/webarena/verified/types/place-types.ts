// Dates, coordinates and addresses.
import { isObject, type Json, type JsonObject } from "../json-value.ts";
import { plainValue, something, valueType, type ReadContext } from "../normalized.ts";
import { streetLine, stateCode } from "./address-words.ts";
import { dateOf } from "./date-text.ts";

export const dateType = valueType<string>({
  name: "Date",
  read: (value, context) => {
    const plain = plainValue(something(value, "date"), context);
    if (typeof plain !== "string") throw new Error("a date is a text");
    return dateOf(plain.replace(/,(?! )/g, ", "));
  },
});

interface Point {
  latitude: number;
  longitude: number;
}

/** Equal within a metre or so. A list of two numbers or texts is one point. */
export const coordinatesType = valueType<Point>({
  name: "Coordinates",
  isOneValue: (value) => value.length === 2 && value.every((one) => typeof one === "number" || typeof one === "string"),
  read: (value, context) => pointOf(plainValue(something(value, "point"), context)),
  // The published evaluator compares first alternatives only.
  equal: ([one], [two]) =>
    one !== undefined &&
    two !== undefined &&
    Math.abs(one.latitude - two.latitude) <= 1e-5 &&
    Math.abs(one.longitude - two.longitude) <= 1e-5,
  print: ({ latitude, longitude }) => `${latitude}, ${longitude}`,
});

function pointOf(value: Json): Point {
  if (typeof value === "string") return pointOfText(value);
  const [latitude, longitude] = Array.isArray(value)
    ? value
    : isObject(value)
      ? [memberLike(value, "latitude"), memberLike(value, "longitude", "lng")]
      : [];
  return validPoint(degrees(latitude), degrees(longitude));
}

/** `lat`, `latitude` and what is between them. */
function memberLike(value: JsonObject, word: string, ...others: string[]): Json | undefined {
  const key = Object.keys(value).find((name) => {
    const lower = name.toLowerCase();
    return (lower.length >= 2 && word.startsWith(lower)) || others.includes(lower);
  });
  return key === undefined ? undefined : value[key];
}

function degrees(value: Json | undefined): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number)) throw new Error("it is no point on earth");
  return number;
}

/** Two decimal numbers. Degrees with minutes, and letters for directions, the published evaluator does not read either. */
const pointText = /^([-+]?\d{1,3}(?:\.\d*)?)(?:\s*[,;/]\s*|\s+)([-+]?\d{1,3}(?:\.\d*)?)$/;

function pointOfText(text: string): Point {
  const parsed = pointText.exec(text.trim().slice(0, 200));
  if (parsed === null) throw new Error("it is no point on earth");
  return validPoint(Number(parsed[1]), Number(parsed[2]));
}

function validPoint(latitude: number, longitude: number): Point {
  if (Math.abs(latitude) > 90) throw new Error("latitudes end at the poles");
  const turned = ((((longitude + 180) % 360) + 360) % 360) - 180;
  return { latitude, longitude: Math.abs(longitude) <= 180 ? longitude : turned };
}

const addressFields = ["house_number", "street", "city", "state", "postcode"] as const;

/** A US address; the name of who lives there does not count. */
export const fullAddressType = valueType<string>({
  name: "FullAddress",
  read: (value, context) => {
    if (!isObject(value)) throw new Error("an address is an object");
    const [houseNumber, street, city, state, postcode] = addressFields.map((field) => textOf(value[field], context));
    const zip = (postcode ?? "").replace(/\D/g, "");
    if (zip.length !== 5 && zip.length !== 9) throw new Error("a ZIP code has 5 or 9 digits");
    return JSON.stringify([streetLine(`${houseNumber} ${street}`), city, stateCode(state ?? ""), zip]);
  },
});

function textOf(value: Json | undefined, context: ReadContext): string {
  const plain = typeof value === "number" ? String(value) : plainValue(value ?? null, context);
  if (typeof plain !== "string" || plain === "") throw new Error("an address has all its parts");
  return plain;
}
