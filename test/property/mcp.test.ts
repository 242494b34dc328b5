import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { agentCall } from "../../router/core/mcp/agent-call.ts";
import { eventText } from "../../router/core/mcp/event-text.ts";
import { filterLists } from "../../router/core/mcp/filter-lists.ts";
import { isJsonObject, type JsonObject, readRpcMessage } from "../../router/core/mcp/rpc-message.ts";
import { type ServerEvent, ServerEvents } from "../../router/core/mcp/server-events.ts";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (given: Uint8Array | undefined): string | undefined => given && new TextDecoder().decode(given);
const cuts = fc.array(fc.nat(60), { maxLength: 12 });

function inPieces(whole: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [...new Set(at.map((place) => Math.min(place, whole.length)))].toSorted((one, two) => one - two);
  return [...places, whole.length].map((end, index) => whole.slice(places[index - 1] ?? 0, end));
}

test("no octets make the reader of messages throw, and where they are cut makes no difference", () => {
  const jsonish = fc.oneof(
    fc.json({ maxDepth: 3 }),
    fc.string({ maxLength: 60 }),
    fc
      .record(
        {
          jsonrpc: fc.constantFrom("2.0", 2),
          id: fc.jsonValue(),
          method: fc.constantFrom("ping", "tools/call"),
          params: fc.jsonValue(),
        },
        { requiredKeys: [] },
      )
      .map((message) => JSON.stringify(message)),
  );
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), jsonish.map(octets)), cuts, (whole, at) => {
      const once = readRpcMessage([whole]);
      assert.deepEqual(readRpcMessage(inPieces(whole, at)), once);
      if (once.ok && once.value.kind === "request") agentCall(once.value);
    }),
    { numRuns: 500 },
  );
});

test("what is read as a message is what every reader of JSON reads", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.integer()),
      fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
      (id, params) => {
        const written = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params });
        const read = readRpcMessage([octets(written)]);
        if (!read.ok) return;
        const { value } = read;
        assert.ok(value.kind === "request");
        const parsed = JSON.parse(written) as { id: unknown; params: unknown };
        assert.deepEqual([value.id, value.params?.value], [parsed.id, parsed.params]);
        const call = agentCall(value);
        if (call.ok && call.value.kind === "judged")
          assert.equal(call.value.tool, (parsed.params as JsonObject)["name"]);
      },
    ),
  );
});

/** A reading of WHATWG HTML section 9.2.6, in the simplest words: what browsers do with the whole text. */
function oracle(whole: string): Omit<ServerEvent, "data">[] {
  const events: { id: string | undefined; name: string; retry: number | undefined; data: string | undefined }[] = [];
  let [id, name, retry, data]: [string | undefined, string, number | undefined, string | undefined] = [
    undefined,
    "message",
    undefined,
    undefined,
  ];
  const lines = whole.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  for (const line of lines.slice(0, -1)) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (line === "") {
      if (id !== undefined || data !== undefined || retry !== undefined) events.push({ id, name, retry, data });
      [id, name, retry, data] = [undefined, "message", undefined, undefined];
    } else if (field === "data") data = data === undefined ? value : `${data}\n${value}`;
    else if (field === "event") name = value === "" ? "message" : value;
    else if (field === "id") id = value;
    else if (field === "retry" && /^\d{1,9}$/.test(value)) retry = Number(value);
  }
  return events;
}

const line = fc.oneof(
  fc.constantFrom(
    "data",
    "data:",
    "data: {}",
    "data:  x",
    ": c",
    "",
    "",
    "other: x",
    "datas: x",
    "retry: 5",
    "retry: x",
    "event: m",
  ),
  fc.constantFrom("id: 1", "id:2", "data: \u00e9\u2028"),
  fc.stringMatching(/^[a-z: {}]{0,8}$/).filter((given) => !/^(?:id|event)/.test(given)),
);
const stream = fc
  .array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")), { maxLength: 16 })
  .map((lines) => lines.map(([written, end]) => written + end).join(""));

test("a stream of events is read as the standard says, however it is cut", () => {
  fc.assert(
    fc.property(stream, fc.boolean(), cuts, (written, mark, at) => {
      const whole = octets((mark ? "\ufeff" : "") + written);
      const events: unknown[] = [];
      const reader = new ServerEvents(1_000);
      for (const piece of inPieces(whole, at)) {
        assert.ok(reader.push(piece, ({ data, ...event }) => events.push({ ...event, data: text(data) })));
      }
      // An LF at the very end may belong to a CR before it; nothing comes after it here.
      assert.deepEqual(events, oracle((mark ? "\ufeff" : "") + written));
    }),
    { numRuns: 500 },
  );
});

test("what is written of an event is read as that event, and no text of a server's ends it", () => {
  const value = fc.option(
    fc.jsonValue({ maxDepth: 2 }).map((json) => JSON.stringify(json, undefined, 1)),
    { nil: undefined },
  );
  fc.assert(
    fc.property(
      fc.option(fc.stringMatching(/^[\x21-\x7e]{1,9}$/), { nil: undefined }),
      fc.option(fc.nat(9_999), { nil: undefined }),
      value,
      (id, retry, data) => {
        if (id === undefined && retry === undefined && data === undefined) return;
        const events: ServerEvent[] = [];
        const written = eventText({ id, retry, data: data === undefined ? undefined : octets(data) });
        new ServerEvents(1_000).push(written, (event) => events.push(event));
        assert.equal(events.length, 1);
        const [event] = events;
        assert.deepEqual([event?.id, event?.retry, event?.name], [id, retry, "message"]);
        if (data !== undefined) assert.deepEqual(JSON.parse(text(event?.data) ?? ""), JSON.parse(data));
      },
    ),
  );
});

test("no event holds more than it may, whatever comes", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), (pieces) => {
      const reader = new ServerEvents(32);
      for (const piece of pieces) {
        const goesOn = reader.push(piece, ({ data }) => assert.ok((data?.length ?? 0) <= 32));
        assert.ok(reader.held <= 32 + 32 + 16);
        if (!goesOn) return;
      }
    }),
  );
});

test("of a list those are left that may be seen, in their order, and nothing else changes", () => {
  const item = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.record({ name: fc.constantFrom("yes", "no", 'y"[', "}") }));
  fc.assert(
    fc.property(
      fc.array(item, { maxLength: 6 }),
      fc.boolean(),
      fc.jsonValue({ maxDepth: 1 }),
      (tools, spaced, more) => {
        const whole = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { more, tools } }, undefined, spaced ? 1 : 0);
        const message = octets(whole);
        const read = readRpcMessage([message]);
        if (!read.ok || read.value.kind !== "response" || read.value.result === undefined) return;
        const isSeen = (one: unknown): boolean =>
          isJsonObject(one as JsonObject) && (one as JsonObject)["name"] !== "no";
        const kept = filterLists(message, read.value.result, (_, one) => isSeen(one));
        assert.ok(kept.ok);
        const expected = JSON.parse(whole) as { result: { tools: unknown[] } };
        expected.result.tools = expected.result.tools.filter(isSeen);
        assert.deepEqual(JSON.parse(text(kept.value) ?? ""), expected);
      },
    ),
  );
});
