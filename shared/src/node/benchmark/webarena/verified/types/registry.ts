// The types that schemas name, by `format` or else by `type`.
import type { ValueType } from "../normalized.ts";
import { currencyType, distanceType, durationType, monthType, numberType } from "./number-types.ts";
import { coordinatesType, dateType, fullAddressType } from "./place-types.ts";
import {
  base64Type,
  booleanType,
  emptyType,
  jsonType,
  locationNameType,
  markdownType,
  stringListType,
  stringType,
} from "./string-types.ts";
import { urlType, type SiteFrame } from "./url-type.ts";

export type TypeRegistry = ReadonlyMap<string, ValueType>;

/** URLs are read against the sites of a task, so each task has a registry of its own. */
export function typeRegistry(frame: SiteFrame): TypeRegistry {
  return new Map<string, ValueType>([
    ["currency", currencyType],
    ["date", dateType],
    ["duration", durationType],
    ["distance", distanceType],
    ["coordinates", coordinatesType],
    ["full_address", fullAddressType],
    ["url", urlType({ frame })],
    ["boolean", booleanType],
    ["string", stringType],
    ["string_list", stringListType],
    ["number", numberType],
    ["integer", numberType],
    ["month", monthType],
    ["null", emptyType],
    ["json", jsonType],
    ["markdown", markdownType],
    ["base64", base64Type],
    ["location-name", locationNameType],
  ]);
}
