#!/usr/bin/env node
// `npx hindcast`: makes ready what is missing, then hands over to the command line under the pinned Node. Plain
// JavaScript, because the Node that starts it may be older.
import { prepare } from "../../deploy/local/prepare.mjs";
import { nodePath, root, runAttached } from "../../deploy/local/processes.mjs";

try {
  await prepare({ native: true, broker: false, sandbox: false });
  const main = `${root}/coordinator/src/cli/main.ts`;
  process.exitCode = await runAttached(
    nodePath(),
    ["--conditions=source", main, ...process.argv.slice(2)],
    {},
    process.cwd(),
  );
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
