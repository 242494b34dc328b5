import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type ModelOrigin, startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy } from "../fakes/model-policy.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { until } from "../fakes/until.ts";

/** Agents that send their bodies octet by octet, each in a segment of its own, and the memory of the real process. */
const AGENTS = 60;
const EACH = 17_000;
/** A busy machine need not send them all. */
const LONGEST = 12_000;
/** Megabytes: of a million octets. A Buffer for each took 50 to 75. */
const MOST_GROWTH = 20;

let origin: ModelOrigin;
let sidecar: Sidecar;

before(async () => {
  origin = await startModelOrigin();
  sidecar = await startSidecar({
    allow: [],
    settings: ["limits: { drain: 200ms }"],
    secrets: { "provider-key": "sk-abcdefghijk" },
    models: modelPolicy(origin),
  });
});

after(async () => {
  await sidecar[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

function megabytes(): number {
  const status = readFileSync(`/proc/${sidecar.child.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

test("INV-CALL-OCTETS: bodies that come in single octets are held as octets, and come whole", async () => {
  const begin = '{"model":"test-model","messages":[{"role":"user","content":"';
  const end = '"}]}';
  const length = begin.length + EACH + end.length;
  const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  const answers = Array.from({ length: AGENTS }, () => "");
  const agents = answers.map((_, at) => {
    const agent = connect(sidecar.agentPort, "127.0.0.1").setNoDelay(true);
    agent.on("error", () => undefined);
    agent.on("data", (octets) => (answers[at] += octets.toString("latin1")));
    agent.write(head + begin);
    return agent;
  });
  try {
    const began = megabytes();
    const deadline = performance.now() + LONGEST;
    let sent = 0;
    let most = 0;
    for (; sent < EACH && performance.now() < deadline; sent += 1) {
      for (const agent of agents) agent.write("x");
      await turn();
      if (sent % 500 === 0) most = Math.max(most, megabytes());
    }
    most = Math.max(most, megabytes()) - began;
    assert.equal(sidecar.child.signalCode, null, "the process is there");
    assert.ok(most < MOST_GROWTH, `grown by ${most.toFixed(0)} MB of ${(sent * AGENTS) / 1e6} million octets`);
    for (const agent of agents) agent.write("x".repeat(EACH - sent) + end);
    await until(() => answers.every((answer) => answer.startsWith("HTTP/1.1 200 ")), "all are answered");
    const content = "x".repeat(EACH);
    assert.ok(origin.requests.every(({ body }) => body.includes(content)));
  } finally {
    for (const agent of agents) agent.destroy();
  }
});
