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

/** The greeting with one extension more at its end. */
function withExtension(hello: Buffer, extension: Buffer): Buffer {
  const grown = Buffer.concat([hello, extension]);
  grown.writeUInt16BE(grown.readUInt16BE(3) + extension.byteLength, 3);
  grown.writeUIntBE(grown.readUIntBE(6, 3) + extension.byteLength, 6, 3);
  // After version, random, session, ciphers and compressions.
  let at = 9 + 2 + 32;
  at += 1 + grown.readUInt8(at);
  at += 2 + grown.readUInt16BE(at);
  at += 1 + grown.readUInt8(at);
  grown.writeUInt16BE(grown.readUInt16BE(at) + extension.byteLength, at);
  return grown;
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

  it("is none where a server could go by another one", async () => {
    const hello = await helloFor("api.example.org");
    const names = Buffer.from("00000014001200000f", "hex");
    const at = hello.indexOf(names);
    expect(at).toBeGreaterThan(0);
    const extension = hello.subarray(at, at + 4 + hello.readUInt16BE(at + 2));
    const encrypted = Buffer.from([0xfe, 0x0d, 0, 1, 0]);
    const list = Buffer.from(extension);
    for (const more of [extension, encrypted]) expect(greetingIn(withExtension(hello, more))).toEqual({ name: null });
    expect(greetingIn(withExtension(hello, Buffer.from([0x12, 0x34, 0, 0])))).toEqual({ name: "api.example.org" });
    // Something follows the first name in the list.
    list.writeUInt16BE(list.readUInt16BE(7) - 1, 7);
    expect(greetingIn(Buffer.concat([hello.subarray(0, at), list, hello.subarray(at + list.byteLength)]))).toEqual({
      name: null,
    });
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
