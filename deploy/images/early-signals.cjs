// Loaded before a program (`node --require`). The kernel gives the first process of a container no signal that it has no
// handler for, and a program needs a second or two until its modules are read and it listens: a container that is stopped
// meanwhile would ignore it and be waited for until it is killed. Until somebody else listens, a signal ends it, by the exit
// code that shells give (128 and the signal's number); it holds nothing yet.
"use strict";
const { constants } = require("node:os");

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal]);
  });
}
