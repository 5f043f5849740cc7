import { type admissionVariables, type ConfigOf, laneLimitsOf, type LaneLimits } from "@hindcast/shared/node";

/** What an operator decides about admission. */
export interface AdmissionSettings {
  fleetUsdMax: number | null;
  allowUnknownPrices: boolean;
  limitsOf: (lane: string) => LaneLimits;
}

export function admissionSettings(config: ConfigOf<typeof admissionVariables>): AdmissionSettings {
  const { fleetUsdMax, allowUnknownPrices, lanes, concurrencyMin, concurrencyStart, concurrencyMax } = config;
  const max = Math.max(concurrencyMin, concurrencyMax);
  const bounds = { min: concurrencyMin, max, start: Math.min(max, Math.max(concurrencyMin, concurrencyStart)) };
  return { fleetUsdMax, allowUnknownPrices, limitsOf: (lane) => laneLimitsOf(lane, lanes, bounds) };
}
