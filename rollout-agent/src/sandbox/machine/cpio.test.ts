// Requirements: 6.4.vm
import fc from "fast-check";
import { expect, it } from "vitest";
import { cpio, type CpioEntry } from "./cpio.ts";

/** As the kernel reads it. */
function unpack(archive: Buffer): CpioEntry[] {
  const entries: CpioEntry[] = [];
  const aligned = (at: number): number => Math.ceil(at / 4) * 4;
  for (let at = 0; ;) {
    expect(archive.subarray(at, at + 6).toString()).toBe("070701");
    const field = (index: number): number =>
      parseInt(archive.subarray(at + 6 + 8 * index, at + 14 + 8 * index).toString(), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const path = archive.subarray(at + 110, at + 110 + nameSize - 1).toString();
    const content = aligned(at + 110 + nameSize);
    if (path === "TRAILER!!!") return entries;
    entries.push({ path, mode, content: archive.subarray(content, content + size) });
    at = aligned(content + size);
  }
}

it("reads back as it was packed", () => {
  const path = fc.stringMatching(/^[a-z/]{1,20}$/);
  const entry = fc.record({
    path,
    mode: fc.constantFrom(0o40755, 0o100644),
    content: fc.uint8Array({ maxLength: 20 }),
  });
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const found = unpack(cpio(entries));
      expect(found.map(({ content = [], ...rest }) => ({ ...rest, content: [...content] }))).toEqual(
        entries.map(({ content, ...rest }) => ({ ...rest, content: [...content] })),
      );
    }),
  );
});
