// The file that says where sites are, for agents: a JSON object of site names and URLs.
import { readFileSync } from "node:fs";
import { messageOf } from "../../../errors.ts";
import { SiteUrls } from "./sites.ts";
import { fieldErrors, invalid } from "./task-file.ts";

/** @throws HindcastError CONFIG_INVALID with the file and what is wrong with it */
export function readSiteUrls(path: string): SiteUrls {
  const parsed = SiteUrls.safeParse(jsonOf(path));
  if (parsed.success) return parsed.data;
  throw invalid(`${path} holds no URLs of sites: ${fieldErrors(parsed.error)}`);
}

function jsonOf(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw invalid(`${path}, the file of site URLs, cannot be read: ${messageOf(error)}`);
  }
}
