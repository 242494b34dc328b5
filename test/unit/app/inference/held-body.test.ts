import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldBodies } from "../../../../router/app/inference/held-bodies.ts";
import { holdBody } from "../../../../router/app/inference/held-body.ts";
import { readAgentMessage } from "../../../../router/app/mcp/agent-message.ts";
import { bodyPlan } from "../../../../router/core/inference/request-facts.ts";
import type { HttpForwardRequest } from "../../../../router/core/wire/forward-request.ts";
import type { RequestFraming } from "../../../../router/core/wire/request-framing.ts";
import type { AgentSocket } from "../../../../router/edge/listeners/agent-socket.ts";
import { RequestBody } from "../../../../router/edge/listeners/request-body.ts";

const TEXT = Buffer.from(`{"model":"m","messages":[{"role":"user","content":"${"x".repeat(200_000)}"}]}`);
const LENGTH: RequestFraming = { kind: "length", length: TEXT.length };

/** A body whose every read is so long. */
function body(framing: RequestFraming, text: Buffer, size: number): RequestBody {
  let at = 0;
  // Each read in memory of its own, as a socket's is.
  const read = (): Buffer | "end" =>
    at < text.length ? Buffer.from(new Uint8Array(text.subarray(at, (at += size)))) : "end";
  return new RequestBody({ read, unread: () => undefined } as unknown as AgentSocket, framing, 1_000);
}

const memoryOf = (chunks: readonly Uint8Array[]): number =>
  [...new Set(chunks.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength + 128, 0);

for (const size of [1, 7, 4_095, 65_536]) {
  test(`a body in reads of ${size} octets takes no more than what it is charged with`, async () => {
    const bodies = new HeldBodies(TEXT.length);
    const held = await holdBody(body(LENGTH, TEXT, size), LENGTH, bodyPlan("chat"), bodies, TEXT.length);
    assert.ok(held.ok);
    assert.equal(bodies.held, TEXT.length);
    assert.ok(held.value.chunks.length < 25, `${held.value.chunks.length} chunks`);
    assert.ok(memoryOf(held.value.chunks) < 1.2 * TEXT.length);
    assert.deepEqual(Buffer.concat(held.value.chunks), TEXT);
    held.value[Symbol.dispose]();
    assert.equal(bodies.held, 0);
  });
}

test("a body without a length is charged with the memory that it takes, and let go of where there is none", async () => {
  const chunked = Buffer.concat([Buffer.from(`${TEXT.length.toString(16)}\r\n`), TEXT, Buffer.from("\r\n0\r\n\r\n")]);
  const framing: RequestFraming = { kind: "chunked" };
  const bodies = new HeldBodies(2 * TEXT.length);
  const held = await holdBody(body(framing, chunked, 3), framing, bodyPlan("chat"), bodies, TEXT.length);
  assert.ok(held.ok);
  assert.deepEqual(Buffer.concat(held.value.chunks), TEXT);
  assert.ok(bodies.held >= TEXT.length && bodies.held <= TEXT.length + 65_536, `${bodies.held}`);
  const other = await holdBody(body(framing, chunked, 3), framing, bodyPlan("chat"), bodies, TEXT.length);
  assert.equal(other.ok || other.problem.reason, "overloaded");
  held.value[Symbol.dispose]();
  assert.equal(bodies.held, 0);
});

test("a message of an agent's in single octets is charged with the memory that it takes", async () => {
  const bodies = new HeldBodies(1024 * 1024);
  const field = { name: "content-type", rawName: "Content-Type", value: "application/json" };
  const request = { fields: [field], framing: LENGTH } as unknown as HttpForwardRequest;
  const message = await readAgentMessage(request, body(LENGTH, TEXT, 1), bodies);
  assert.ok(message.ok);
  assert.deepEqual(Buffer.from(message.value.octets), TEXT);
  assert.ok(bodies.held >= TEXT.length && bodies.held <= TEXT.length + 65_536, `${bodies.held}`);
  message.value[Symbol.dispose]();
  assert.equal(bodies.held, 0);
});
