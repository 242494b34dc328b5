import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestFraming } from "../../../../router/core/wire/request-framing.ts";
import type { AgentSocket } from "../../../../router/edge/listeners/agent-socket.ts";
import { RequestBody, RequestBodyError } from "../../../../router/edge/listeners/request-body.ts";
import { socketPair } from "./socket-pair.ts";

const CHUNKED: RequestFraming = { kind: "chunked" };
const length = (octets: number): RequestFraming => ({ kind: "length", length: octets });

/** What was read, and how it ended. */
async function readAll(body: RequestBody): Promise<string> {
  let text = "";
  try {
    for await (const chunk of body.chunks()) text += Buffer.from(chunk).toString("latin1");
  } catch (error) {
    assert.ok(error instanceof RequestBodyError);
    return `${text} | ${error.detail}`;
  }
  return `${text} | ${body.complete ? "complete" : "incomplete"}`;
}

function heldBy(agent: AgentSocket): string {
  if (!agent.holds) return "";
  const read = agent.read(1_000);
  assert.ok(Buffer.isBuffer(read));
  return read.toString("latin1");
}

const bodies: readonly {
  name: string;
  framing: RequestFraming;
  held: readonly string[];
  body: string;
  next: string;
}[] = [
  { name: "none", framing: { kind: "none" }, held: ["next"], body: " | complete", next: "next" },
  { name: "empty", framing: length(0), held: ["next"], body: " | complete", next: "next" },
  { name: "whole", framing: length(4), held: ["body"], body: "body | complete", next: "" },
  { name: "with the next", framing: length(4), held: ["bodynext"], body: "body | complete", next: "next" },
  { name: "in pieces", framing: length(4), held: ["b", "od", "yn"], body: "body | complete", next: "n" },
  {
    name: "chunked",
    framing: CHUNKED,
    held: ["4\r\nbody\r\n0\r\n\r\nnext"],
    body: "body | complete",
    next: "next",
  },
  {
    name: "chunked, cut anywhere",
    framing: CHUNKED,
    held: ["1", "\r", "\nb", "\r\n", "3\r\nod", "y\r\n0\r", "\n\r", "\nn"],
    body: "body | complete",
    next: "n",
  },
  {
    name: "chunked, of single octets",
    framing: CHUNKED,
    held: ["1\r\nx\r\n".repeat(600), "0\r\n\r\n"],
    body: `${"x".repeat(600)} | complete`,
    next: "",
  },
  {
    name: "chunked, malformed",
    framing: CHUNKED,
    held: ["2\r\nok\r\n", "zz"],
    body: "ok | A chunk size is not plain hex digits with CR LF after them.",
    next: "",
  },
];

for (const { name, framing, held, body: expected, next } of bodies) {
  test(`a body is read to its end and no further: ${name}`, async () => {
    await using pair = await socketPair();
    for (const piece of held.toReversed()) pair.agent.unread(Buffer.from(piece, "latin1"));
    const body = new RequestBody(pair.agent, framing, 1_000);
    assert.equal(await readAll(body), expected);
    assert.equal(heldBy(pair.agent), next);
  });
}

test("what is here is given without a promise; the rest is awaited", async () => {
  await using pair = await socketPair();
  pair.agent.unread(Buffer.from("here"));
  const body = new RequestBody(pair.agent, length(8), 1_000);
  const first = body.next();
  assert.ok(first instanceof Uint8Array);
  assert.equal(body.complete, false);
  const second = body.next();
  assert.ok(second instanceof Promise);
  pair.theirs.write("rest");
  assert.equal(Buffer.from((await second) ?? []).toString("latin1"), "rest");
  assert.equal(body.complete, true);
  assert.equal(body.next(), undefined);
});

test("a chunked body of which an awaited read brings nothing but framing goes on", async () => {
  await using pair = await socketPair();
  const body = new RequestBody(pair.agent, CHUNKED, 1_000);
  const waiting = body.next();
  pair.theirs.write("5\r");
  setTimeout(() => pair.theirs.write("\nwhole\r\n0\r\n\r\n"), 10);
  assert.equal(Buffer.from((await waiting) ?? []).toString("latin1"), "whole");
  assert.equal(body.complete, true);
});

test("an agent that leaves or stalls breaks its body off", async () => {
  await using left = await socketPair();
  left.theirs.end("bo");
  assert.equal(await readAll(new RequestBody(left.agent, length(4), 1_000)), "bo | The request body is cut short.");
  await using stalled = await socketPair();
  stalled.theirs.write("bo");
  const body = new RequestBody(stalled.agent, length(4), 30);
  assert.equal(await readAll(body), "bo | The request body stopped coming.");
  assert.equal(body.complete, false);
});
