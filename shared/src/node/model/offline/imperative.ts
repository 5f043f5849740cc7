// Turns what a document says about an example into a request: "Defining a new bin named x:" → "Define a new bin named x".

const verbs = (
  "add adjust analyze annotate append apply approve assign attach audit bring build bump calculate cancel change check choose clean clear clone collect combine commit compare " +
  "compress configure confirm convert copy count create cut define delete deny describe detach determine discard display download drop edit enable disable ensure exclude execute explain " +
  "export extract fetch filter find fix follow force format generate get give go group grow have help hide ignore import include increase increment initialize insert inspect install " +
  "join keep label limit link list load lock look make manage mark match merge modify move name open output overwrite pack parse perform pick pin place prepare prefix preview print produce " +
  "protect prune publish pull push put query quit read rebase rebuild receive record reduce refresh register reject release reload remove rename reorder repack replace report request reset resolve " +
  "restart restore retrieve return reuse revert review rewind rewrite run save scan schedule search see select send separate set show shorten sign sort split squash stage start stash stop store " +
  "strip summarize switch sync tag take test toggle trace track transfer trim turn undo unlink unlock unpack unset unstage update upgrade upload use validate verify view walk write put opt transplant extend truncate"
).split(" ");
const known = new Set(verbs);
/** Shorter is a heading, longer is an explanation. */
const lengthMin = 8;
const lengthMax = 220;
/** Verbs of running something: what follows them is how, not what. */
const running =
  /^(?:run|use|do|say|call|type|write|see|have|look|be|using|execute|specify|issue|invoke|give|help|put|perform)$/;

/** The request that a sentence makes, without full stop; null when no rule finds one. */
export function imperative(sentence: string): string | null {
  const text = cleaned(sentence);
  if (text.length < lengthMin || text.length > lengthMax) return null;
  const request = fromStart(text) ?? fromInside(text);
  return request !== null && isWhole(request) ? request : null;
}

/** A request that stands alone: three words or more, nothing left open, no pronoun for something said before. */
function isWhole(request: string): boolean {
  const words = request.split(" ");
  if (words.length < 3 || /^(?:it|them|this|these|those|such|so|also)$/i.test(words[1] ?? "")) return false;
  if ((request.match(/\(/g) ?? []).length !== (request.match(/\)/g) ?? []).length) return false;
  return !/\([a-z]\)[a-z]|\(\d\)|\s--?[a-z]|`--?[a-z]|[,;:(]$|\b(?:the|a|an|of|to|and|or|same|above|below|previous)$| , |\babove\b|\bthat branch\b/.test(
    request,
  );
}

function cleaned(sentence: string): string {
  return sentence
    .replace(/\s+/g, " ")
    .replace(/^\s*(?:[•*o·-]|\d+\.)\s+/, "")
    .replace(/\[([^\]]+)\]\([^)]*\)/g, "$1")
    .replace(/\s*\((?:see|in this|this|i\.e|e\.g|like|which|there is)[^)]*\)+/gi, "")
    .replace(/[;,.]\s*(?:see|refer to)\b.*$/i, "")
    .replace(/["“”]([^"“”]+)["“”]/g, "`$1`")
    .replace(/\*\*|__|(?<=\s)_(?=\w)|(?<=\w)_(?=\s)/g, "")
    .replace(/[’‘]/g, "'")
    .replace(/\s*[,:]?\s*(?:e\.g\.?|for example|for instance|like this|like so|as follows|i\.e\.?)\s*[:,]?\s*$/i, "")
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[\s:.;,]+$/, "");
}

function fromStart(text: string): string | null {
  const [first = "", ...rest] = text.split(" ");
  const verb = baseForm(first);
  if (verb === null || /^(?:that|this|is|are|was|will|would|can|of|when)$/i.test(rest[0] ?? "")) return null;
  if (running.test(verb) && !/^(?:get|run|write)$/.test(verb)) return null;
  return withoutTail(capital([verb, ...rest].join(" ")));
}

function fromInside(text: string): string | null {
  const patterns = [
    /\b(?:in order )?to ((?!be\b|the\b|a\b|an\b|your?\b|this\b|that\b|it\b|its\b|which\b|any\b)[a-z]+ .+?)(?:,| (?:you|we) (?:can|could|would|may|have)\b| (?:run|use|do|say|execute|try)\b|$)/i,
    /\b(?:want|wish|like|need) to ((?:[a-z]+) .+?)(?:,| you (?:can|could|would|may)\b|$)/i,
    /\b(?:you|we) (?:can|could|may|might) (?:also |then |instead |always |now )?((?!run|use|do|say|try|simply)[a-z]+ .+?)(?: (?:with|by running|by using|by|using)$|$)/i,
    /\bcommands? ((?:[a-z]+)s .+)$/i,
  ];
  for (const pattern of patterns) {
    const found = pattern.exec(text)?.[1];
    if (found === undefined) continue;
    const [first = "", ...rest] = found.split(" ");
    const verb = baseForm(first);
    if (verb !== null && rest.length > 0 && !running.test(verb)) return withoutTail(capital([verb, ...rest].join(" ")));
  }
  return null;
}

/** `Defining`, `defines` and `define` → `define`, for the verbs that manuals use. */
function baseForm(word: string): string | null {
  const lower = word.toLowerCase();
  if (known.has(lower)) return lower;
  const candidates = [
    lower.replace(/s$/, ""),
    lower.replace(/es$/, ""),
    lower.replace(/ies$/, "y"),
    lower.replace(/ing$/, ""),
    lower.replace(/ing$/, "e"),
    lower.replace(/(.)\1ing$/, "$1"),
    lower.replace(/ying$/, "y"),
  ];
  return candidates.find((candidate) => candidate !== lower && known.has(candidate)) ?? null;
}

/** Drops what says how instead of what. */
function withoutTail(text: string): string {
  return text
    .replace(
      /,? (?:you (?:can|would|could|may|should)|run|use|do|one can|simply|try)( .*)?$/i,
      (tail, rest: string | undefined) =>
        rest === undefined ||
        /^ (?:the following|this|following|something like|it|`)/.test(rest) ||
        /command/.test(tail)
          ? ""
          : tail,
    )
    .replace(/,? (?:with|using|by|via|through|in|as) (?:the |a |this )?(?:following|above|below)( .*)?$/i, "")
    .replace(/ (?:by|using|via|with|through) (?:running |typing |issuing )?(?:the )?`?(?:npm|git)\b.*$/i, "")
    .replace(
      /,? (?:in this example|as in|so (?:you|that)|which will|this is|you'd|it's|because|since|since it|instead of)\b.*$/i,
      "",
    )
    .replace(/ (?:is also possible|is possible)$/, "")
    .replace(/ (?:also|too|with)$/i, "")
    .replace(/[\s:.;,]+$/, "");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
