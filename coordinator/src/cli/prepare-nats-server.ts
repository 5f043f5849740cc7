// Run by deploy/local/bootstrap.mjs: finds or builds nats-server before anything needs one in a hurry.
import { messageOf } from "@hindcast/shared";
import { natsBinaryOptions } from "../local/binary-options.ts";
import { findNatsServer } from "../local/nats-binary.ts";

try {
  await findNatsServer(natsBinaryOptions(process.env, (line) => console.error(line)));
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
