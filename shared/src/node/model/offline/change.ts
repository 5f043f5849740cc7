/** One change as a request: "set `a` to `1` in `package.json`". */
export interface Change {
  request: string;
  /** The same as something that happened: "set" stays "set", "create" becomes "created". */
  past: string;
}

export function change(verb: string, pastVerb: string, rest: string): Change {
  return { request: `${verb} ${rest}`, past: `${pastVerb} ${rest}` };
}

/** A path as people would write it from the working directory. */
export function shownPath(path: string): string {
  return path.replace(/^\/workspace\//, "").replace(/^\/home\/agent\//, "~/");
}
