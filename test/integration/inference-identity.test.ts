import assert from "node:assert/strict";
import { test } from "node:test";
import { startModelOrigin } from "../fakes/model-origin.ts";
import { modelPolicy } from "../fakes/model-policy.ts";
import { startSidecar } from "../fakes/sidecar.ts";
import { ASSERTION, CLIENT, entraServer, TENANT, tokenOf } from "../fakes/token-servers.ts";

const settings = ["limits: { drain: 200ms }"];
const body = JSON.stringify({ model: "test-model", messages: [{ role: "user", content: "hi" }] });

async function ask(port: number): Promise<{ readonly status: number; readonly text: string }> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body };
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, init);
  return { status: response.status, text: await response.text() };
}

test("a projected token is exchanged for the provider's, once for many calls, by the router alone", async () => {
  await using origin = await startModelOrigin();
  await using entra = await entraServer();
  const [head = "", provider = "", ...rest] = modelPolicy(origin, { api: "azure" });
  const credential = `credential: { azureWorkloadIdentity: { tenant: ${TENANT}, client: ${CLIENT}, tokenFile: azure-token, authority: "http://127.0.0.1:${entra.port}" } }`;
  const models = [
    head,
    provider
      .replace("credential: { file: provider-key }", credential)
      .replace("addresses: [", `addresses: ["127.0.0.1:${entra.port}", `),
    ...rest,
  ];
  await using sidecar = await startSidecar({ allow: [], settings, models, secrets: { "azure-token": ASSERTION } });
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(sidecar.agentPort)));
  assert.deepEqual(
    answers.map(({ status }) => status),
    answers.map(() => 200),
    answers[0]?.text ?? "",
  );
  assert.deepEqual([entra.count, entra.faults], [1, []]);
  for (const { headers } of origin.requests) assert.match(headers.authorization ?? "", /^Bearer entra-token-1\./);
  assert.doesNotMatch(JSON.stringify(answers) + sidecar.output(), new RegExp(tokenOf("entra", 1).slice(0, 20)));
});

test("a token endpoint that policy does not admit is not asked, and the call says that the credential is not at hand", async () => {
  await using origin = await startModelOrigin();
  const credential = `credential: { azureWorkloadIdentity: { tenant: ${TENANT}, client: ${CLIENT}, tokenFile: azure-token, authority: "https://login.invalid" } }`;
  const models = modelPolicy(origin, { api: "azure" }).map((line) =>
    line.replace("credential: { file: provider-key }", credential),
  );
  await using sidecar = await startSidecar({
    allow: [],
    settings,
    models,
    secrets: { "azure-token": ASSERTION },
    hosts: { "login.invalid": ["169.254.169.254"] },
  });
  const { status, text } = await ask(sidecar.agentPort);
  assert.ok(status === 502 || status === 503, `${status}`);
  assert.match(text, /credential is not at hand/);
  assert.equal(origin.requests.length, 0);
});
