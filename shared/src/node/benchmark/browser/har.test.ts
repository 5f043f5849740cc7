// Requirements: 6.11.har
import { describe, expect, it } from "vitest";
import { Har, harEntry, harLacks, harText } from "./har.ts";

describe("network archives", () => {
  it("hold what a request asked and what was answered", () => {
    const entry = harEntry({
      startedAt: new Date("2026-01-01T00:00:00Z"),
      durationMs: 12,
      method: "POST",
      url: "http://a.test/x?q=1&q=2",
      requestHeaders: [
        { name: "Content-Type", value: "application/x-www-form-urlencoded" },
        { name: "cookie", value: "a=1; b=2=3" },
      ],
      postData: "title=é",
      response: {
        status: 302,
        statusText: "Found",
        headers: [
          { name: "location", value: "/y" },
          { name: "set-cookie", value: "s=9; Path=/\nt=8" },
        ],
        size: -1,
        text: null,
      },
    });
    expect(entry.request).toMatchObject({
      queryString: [
        { name: "q", value: "1" },
        { name: "q", value: "2" },
      ],
      cookies: [
        { name: "a", value: "1" },
        { name: "b", value: "2=3" },
      ],
      postData: { mimeType: "application/x-www-form-urlencoded", text: "title=é" },
      bodySize: 8,
    });
    expect(entry.response).toMatchObject({
      status: 302,
      redirectURL: "/y",
      cookies: [
        { name: "s", value: "9" },
        { name: "t", value: "8" },
      ],
    });
    expect(Har.parse(JSON.parse(harText([entry]))).log.entries).toEqual([entry]);
    expect(harText([entry])).not.toContain("comment");
    expect(harText([entry], Number.POSITIVE_INFINITY, 3)).toContain('"comment":"3 exchanges are missing"');
    expect(harText([entry], 10)).toContain('"comment":"the bodies of answers are left out"');
    const lacks = (text: string): object => harLacks((JSON.parse(text) as { log: { comment: string } }).log.comment);
    expect(lacks(harText([entry], 10, 3))).toEqual({ exchanges: 3, bodies: true });
    expect(harLacks("recorded at home; 12 exchanges")).toEqual({ exchanges: 0, bodies: false });
  });

  it("tell of a request that got no answer", () => {
    const asked = { startedAt: new Date(0), durationMs: 0, method: "GET", url: "http://a.test/", requestHeaders: [] };
    const entry = harEntry({ ...asked, postData: null, response: null });
    expect(entry.response).toMatchObject({ status: -1, content: { size: -1 } });
    expect(entry.request).not.toHaveProperty("postData");
  });
});
