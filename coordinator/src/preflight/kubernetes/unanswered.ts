import type { Finding } from "../../report/finding.ts";
import type { Answer } from "./cluster-api.ts";

/** What could not be looked at: that is no proof of a fault, but no proof of the contrary either. */
export function unanswered(what: string, answer: Exclude<Answer<unknown>, { kind: "found" }>): Finding {
  switch (answer.kind) {
    case "absent":
      return { what, state: "missing", detail: "the cluster does not have it" };
    case "forbidden":
      return { what, state: "advice", detail: `not looked at, because this user may not: ${answer.why}` };
    case "failed":
      return { what, state: "missing", detail: `the API server failed: ${answer.why}` };
  }
}
