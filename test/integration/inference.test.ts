import assert from "node:assert/strict";
import { test } from "node:test";
import { PROVIDER_KEY, modelPolicy } from "../fakes/model-policy.ts";
import { startModelOrigin } from "../fakes/model-origin.ts";
import { startSidecar } from "../fakes/sidecar.ts";

const settings = ["limits: { drain: 200ms }"];
const secrets = { "provider-key": PROVIDER_KEY };

test("a chat call gets the router's credential, its answer and its usage", async () => {
  await using origin = await startModelOrigin();
  await using sidecar = await startSidecar({ allow: [], settings, secrets, models: modelPolicy(origin) });
  const response = await fetch(`http://127.0.0.1:${sidecar.agentPort}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer agents-own", "content-type": "application/json", cookie: "a=b" },
    body: JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "hi" }], unknown_member: 1 }),
  });
  const body = (await response.json()) as { usage: { prompt_tokens: number } };
  assert.equal(response.status, 200, JSON.stringify(body));
  assert.equal(body.usage.prompt_tokens, 11);
  const [seen] = origin.requests;
  assert.equal(seen?.headers.authorization, `Bearer ${PROVIDER_KEY}`);
  assert.equal(seen?.headers.cookie, undefined);
  const sent = JSON.parse(seen?.body.toString() ?? "") as Record<string, unknown>;
  assert.equal(sent["model"], "upstream-model");
  assert.equal(sent["unknown_member"], 1);
});
