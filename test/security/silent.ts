// Where a probe says nothing, whatever it finds: the kernel takes what it is told, and does nothing by it.

const keepsNumbers = "gVisor keeps the number for who asks, and goes by none: its processes are threads of one outside";

/** By the driver's name and the probe's. */
export const silent: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "container/runsc": {
    "proc-and-sys/out-of-memory": keepsNumbers,
    "privileges/nice": keepsNumbers,
    "privileges/slow": keepsNumbers,
  },
};
