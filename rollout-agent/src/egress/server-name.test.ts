// Requirements: 6.6.tunnels
import { once } from "node:events";
import { createServer } from "node:net";
import { connect as connectTls } from "node:tls";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { greetingIn } from "./server-name.ts";

/** What Node's own TLS client says first. */
async function helloFor(servername: string | undefined): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const client = connectTls({
    host: "127.0.0.1",
    port: address.port,
    ...(servername === undefined ? {} : { servername }),
  });
  client.on("error", () => client.destroy());
  const [socket] = (await once(server, "connection")) as [NodeJS.ReadableStream & { destroy(): void }];
  const [chunk] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  client.destroy();
  server.close();
  return chunk;
}

describe("the name in a TLS greeting", () => {
  it("is read from what a real client says, once it is whole", async () => {
    const hello = await helloFor("Api.Example.org");
    expect(greetingIn(hello)).toEqual({ name: "api.example.org" });
    for (let length = 0; length < hello.byteLength; length += 1) {
      expect(greetingIn(hello.subarray(0, length))).toBe("incomplete");
    }
  });

  it("is missing where the client gives none, and in what is no greeting", async () => {
    expect(greetingIn(await helloFor(undefined))).toEqual({ name: null });
    for (const text of ["SSH-2.0-OpenSSH_9.2\r\n", "GET / HTTP/1.1\r\n\r\n", "\u0016\u0002\u0000\u0000\u0001x"]) {
      expect(greetingIn(Buffer.from(text, "latin1"))).toEqual({ name: null });
    }
  });

  it("survives any bytes", async () => {
    const hello = await helloFor("api.example.org");
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(hello.byteLength - 1), fc.nat(255)), { maxLength: 8 }), (changes) => {
        const harmed = Buffer.from(hello);
        for (const [at, value] of changes) harmed[at] = value;
        const found = greetingIn(harmed);
        expect(found === "incomplete" || "name" in found).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => void greetingIn(Buffer.from([22, 3, 1, ...bytes]))),
    );
  });
});
