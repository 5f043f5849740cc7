// Words of US addresses as the post office shortens them, so that `Forbes Avenue` is `Forbes Ave`.

const shortForms = new Map(
  [
    "street st",
    "avenue ave",
    "boulevard blvd",
    "drive dr",
    "road rd",
    "lane ln",
    "court ct",
    "place pl",
    "square sq",
    "terrace ter",
    "highway hwy",
    "parkway pkwy",
    "circle cir",
    "trail trl",
    "way way",
    "plaza plz",
    "alley aly",
    "bridge brg",
    "expressway expy",
    "freeway fwy",
    "heights hts",
    "mountain mtn",
    "point pt",
    "suite ste",
    "apartment apt",
    "floor fl",
    "north n",
    "south s",
    "east e",
    "west w",
    "northeast ne",
    "northwest nw",
    "southeast se",
    "southwest sw",
  ].map((pair) => pair.split(" ") as [string, string]),
);

export function streetLine(text: string): string {
  return text
    .toLowerCase()
    .replace(/[.,]/g, " ")
    .split(/\s+/)
    .filter((word) => word !== "")
    .map((word) => shortForms.get(word) ?? word)
    .join(" ");
}

const states = new Map(
  "alabama al,alaska ak,arizona az,arkansas ar,california ca,colorado co,connecticut ct,delaware de,district of columbia dc,florida fl,georgia ga,hawaii hi,idaho id,illinois il,indiana in,iowa ia,kansas ks,kentucky ky,louisiana la,maine me,maryland md,massachusetts ma,michigan mi,minnesota mn,mississippi ms,missouri mo,montana mt,nebraska ne,nevada nv,new hampshire nh,new jersey nj,new mexico nm,new york ny,north carolina nc,north dakota nd,ohio oh,oklahoma ok,oregon or,pennsylvania pa,rhode island ri,south carolina sc,south dakota sd,tennessee tn,texas tx,utah ut,vermont vt,virginia va,washington wa,west virginia wv,wisconsin wi,wyoming wy"
    .split(",")
    .map((entry) => [entry.slice(0, -3), entry.slice(-2).toUpperCase()]),
);
const codes = new Set(states.values());

/** @throws Error where there is no such state */
export function stateCode(text: string): string {
  const code = states.get(text.trim().toLowerCase()) ?? text.trim().toUpperCase();
  if (!codes.has(code)) throw new Error("there is no such state");
  return code;
}
