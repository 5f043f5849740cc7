// The bugs that are tried on a project, in an order that the commit decides: of each kind in turn, so that few tasks
// have all kinds already. A model is asked for a bug when its turn comes and not before.
import type { BugKind } from "@hindcast/shared/node";
import { authoredBug } from "./authored-bug.ts";
import { findFunctions } from "./find-functions.ts";
import { findMutations, type Language } from "./find-mutations.ts";
import type { Mutation } from "./mutation.ts";
import type { TaskAuthor } from "./task-author.ts";
import type { Testbed } from "./testbed.ts";

export interface BugSearch {
  language: Language;
  commit: string;
  kinds: readonly BugKind[];
  /** Needed for all kinds but `operators`. */
  author: TaskAuthor | null;
}

/** Null: a try that came to nothing before any test was run. */
export async function* findBugs(
  testbed: Testbed,
  { language, commit, kinds, author }: BugSearch,
  signal: AbortSignal,
): AsyncGenerator<Mutation | null> {
  const mutations = kinds.includes("operators") ? await findMutations(testbed, { language, commit }, signal) : [];
  const functions = author === null ? [] : await findFunctions(testbed, { language, commit }, signal);
  for (let turn = 0; turn < Math.max(mutations.length, functions.length); turn++) {
    for (const kind of kinds) {
      if (kind === "operators") {
        const mutation = mutations[turn];
        if (mutation !== undefined) yield mutation;
        continue;
      }
      const target = functions[turn];
      if (target === undefined || author === null) continue;
      const bug = await authoredBug({ kind, target }, { testbed, author, language }, signal);
      if (bug !== null || !author.isSpent) yield bug;
    }
  }
}
