import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import { fail } from "../../../../router/core/base/result.ts";
import { parseEndpoint } from "../../../../router/core/config/endpoint-shape.ts";
import { openTracing } from "../../../../router/edge/tracing/tracing.ts";
import { createPoster, POST_DEADLINES } from "../../../../router/edge/upstream/post.ts";
import { callOutcome } from "../../../fakes/call-outcome.ts";
import { exportReceiver } from "../../../fakes/export-receiver.ts";

const AT = epochMillis(Date.UTC(2026, 10, 20, 9));

async function tracingTo(port: number) {
  const endpoint = parseEndpoint(`http://127.0.0.1:${port}/v1/traces`);
  assert.ok(endpoint.ok);
  const poster = createPoster({
    endpoint: endpoint.value,
    ca: undefined,
    resolve: () => Promise.resolve(fail("nothing is resolved here") as never),
    deadlines: { ...POST_DEADLINES, connect: millis(1_000) },
  });
  assert.ok(poster.ok);
  const client = poster.value;
  const tracing = await openTracing({
    percent: 100,
    latestNames: true,
    version: "1",
    identity: { namespace: "n", pod: "p", agent: "a" },
    post: (headers, body, signal) => client.post({ ...headers, authorization: "Bearer t" }, body, signal),
    provider: () => undefined,
    onHealth: () => undefined,
  });
  return { tracing, client };
}

test("spans go out through the router's own poster, and only there", async () => {
  await using receiver = await exportReceiver((_received, response) => void response.end("{}"));
  const { tracing, client } = await tracingTo(receiver.port);
  for (let n = 0; n < 300; n += 1) tracing.begin({ fields: [] }, AT)?.end(callOutcome({ kind: "completed" }));
  await tracing.close(millis(5_000));
  client.close();
  assert.deepEqual(tracing.counts(), { exported: 300, failed: 0, dropped: 0 });
  assert.equal(receiver.requests.length, 3);
  for (const { url, headers } of receiver.requests) {
    assert.deepEqual(
      [url, headers["content-type"], headers["authorization"]],
      ["/v1/traces", "application/json", "Bearer t"],
    );
  }
  assert.ok(receiver.accepted().includes('"name":"chat gpt-4o-mini"'));
});

test("a collector that hangs costs a close its deadline and no more", async () => {
  await using receiver = await exportReceiver(() => undefined);
  const { tracing, client } = await tracingTo(receiver.port);
  tracing.begin({ fields: [] }, AT)?.end(callOutcome({ kind: "completed" }));
  const began = performance.now();
  await tracing.close(millis(100));
  client.close();
  assert.ok(performance.now() - began < 1_000);
  assert.deepEqual(tracing.counts(), { exported: 0, failed: 1, dropped: 0 });
});
