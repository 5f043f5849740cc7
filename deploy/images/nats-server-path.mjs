// Prints where the local cluster's nats-server is; one is built where there is none.
import { natsBinaryOptions } from "../../coordinator/src/local/binary-options.ts";
import { findNatsServer } from "../../coordinator/src/local/nats-binary.ts";

console.log(await findNatsServer(natsBinaryOptions(process.env, (line) => console.error(line))));
