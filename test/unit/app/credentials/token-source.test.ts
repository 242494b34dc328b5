import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pauseAfter, renewAfter, usableFor } from "../../../../router/app/credentials/renewal-times.ts";
import type { TokenRequest, TokenRequestFailure } from "../../../../router/app/credentials/token-request.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../../../router/core/base/result.ts";
import type { TokenHttpAnswer } from "../../../../router/core/credential/token-answer.ts";
import type { CredentialSource } from "../../../../router/core/models/inference-policy.ts";
import {
  ASSERTION,
  AUDIENCE,
  awsSecret,
  awsSession,
  AZURE_RESOURCE,
  AZURE_SCOPE,
  CLIENT,
  entraServer,
  gcpServer,
  imdsServer,
  json,
  loopbackTokenRequest,
  ROLE,
  SERVICE_ACCOUNT,
  stsServer,
  TENANT,
  tokenOf,
  type TokenServer,
} from "../../../fakes/token-servers.ts";
import { given, givenAtOnce, HandClock, provider, REQUEST, settle, world } from "./rooms.ts";

const imds: CredentialSource = { kind: "azureManagedIdentity", client: CLIENT, resource: AZURE_RESOURCE };

function entra({ endpoint }: Pick<TokenServer, "endpoint">): CredentialSource {
  return {
    kind: "azureWorkloadIdentity",
    tenant: TENANT,
    client: CLIENT,
    tokenFile: "azure-token",
    authority: endpoint,
    scope: AZURE_SCOPE,
  };
}

test("Entra ID gives a token for the pod's own, which is read anew for each", async (t) => {
  await using server = await entraServer();
  const { clock, credentials, directory, events } = world(t, { request: loopbackTokenRequest() });
  const from = provider(entra(server), "azure");
  assert.equal(await given(credentials, from), "secret_unusable", "without the pod's token");
  assert.equal(server.count, 0);
  writeFileSync(join(directory, "azure-token"), ASSERTION);
  clock.pass(1_000);
  assert.equal(await given(credentials, from), `Bearer ${tokenOf("entra", 1)}`);
  assert.equal(givenAtOnce(credentials, from), `Bearer ${tokenOf("entra", 1)}`);
  assert.deepEqual(server.faults, []);
  assert.deepEqual(events.at(-1), { kind: "ready", source: "azureWorkloadIdentity", renewIn: 2_879_200 });
  assert.deepEqual(
    credentials.secrets(from).map((secret) => Buffer.from(secret).toString()),
    [tokenOf("entra", 1)],
  );
});

test("the node's metadata service gives a token, by the one request that it takes", async (t) => {
  await using server = await imdsServer();
  const { credentials } = world(t, { request: loopbackTokenRequest(server.port) });
  assert.equal(await given(credentials, provider(imds, "azure")), `Bearer ${tokenOf("imds", 1)}`);
  assert.deepEqual(server.faults, []);
});

test("AWS gives keys for the pod's token, and they sign", async (t) => {
  const clock = new HandClock();
  await using server = await stsServer(() => clock.in(3_600_000));
  const { credentials, directory } = world(t, { request: loopbackTokenRequest(), clock });
  writeFileSync(join(directory, "aws-token"), `${ASSERTION}\n`);
  const from = provider(
    { kind: "awsWebIdentity", role: ROLE, region: "us-east-1", tokenFile: "aws-token", sts: server.endpoint },
    "bedrock",
  );
  const headers = await credentials.headersFor(from, REQUEST);
  assert.deepEqual(server.faults, []);
  assert.ok(headers.ok);
  assert.deepEqual(headers.value[2], ["x-amz-security-token", awsSession(1)]);
  assert.match(
    headers.value[3]?.[1] ?? "",
    /^AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE\/20261121\/us-east-1\/bedrock\//,
  );
  const texts = credentials.secrets(from).map((secret) => Buffer.from(secret).toString());
  assert.deepEqual(texts, [awsSecret(1), awsSession(1)]);
});

test("Google gives a token, for the identity itself or for a service account", async (t) => {
  const clock = new HandClock();
  await using server = await gcpServer(() => clock.in(3_600_000));
  const { credentials, directory } = world(t, { request: loopbackTokenRequest(), clock });
  writeFileSync(join(directory, "gcp-token"), ASSERTION);
  const source = {
    kind: "gcpWorkloadIdentity",
    audience: AUDIENCE,
    tokenFile: "gcp-token",
    serviceAccount: undefined,
    sts: server.endpoint,
    iam: server.endpoint,
  } as const;
  assert.equal(await given(credentials, provider(source, "gemini")), `Bearer ${tokenOf("gcp-sts", 1)}`);
  const impersonating = provider({ ...source, serviceAccount: SERVICE_ACCOUNT }, "gemini");
  assert.equal(await given(credentials, impersonating), `Bearer ${tokenOf("gcp-iam", 3)}`);
  assert.deepEqual(server.faults, []);
});

test("INV-MODEL-SINGLE-FLIGHT: a hundred calls at once ask once, from whichever provider they come", async (t) => {
  await using server = await imdsServer();
  const { credentials } = world(t, { request: loopbackTokenRequest(server.port) });
  const providers = [provider(imds), provider(imds, "azure")];
  const all = await Promise.all(
    Array.from({ length: 100 }, (_, at) => given(credentials, providers[at % 2] ?? provider(imds))),
  );
  assert.deepEqual(new Set(all), new Set([`Bearer ${tokenOf("imds", 1)}`]));
  assert.equal(server.count, 1);
});

/** An issuer within the process: what it answers, and how often it was asked. */
function issuer(t: TestContext, first: () => Promise<Result<TokenHttpAnswer, TokenRequestFailure>>) {
  const state = { answer: first, count: 0 };
  const request: TokenRequest = () => {
    state.count += 1;
    return state.answer();
  };
  return { state, ...world(t, { request, deadline: millis(50) }) };
}

const answered = (token: string, life = 3_600) =>
  Promise.resolve(
    ok({ status: 200, body: JSON.stringify({ access_token: token, token_type: "Bearer", expires_in: life }) }),
  );
const down = () => Promise.resolve(fail("unreachable" as const));

test("INV-MODEL-EXPIRY: a token is renewed ahead of its end behind the calls, and never sent once it has ended", async (t) => {
  const { clock, credentials, events, state } = issuer(t, () => answered("token-one"));
  const from = provider(imds);
  assert.equal(await given(credentials, from), "Bearer token-one");
  state.answer = () => answered("token-two");
  clock.pass(2_879_000);
  assert.equal(givenAtOnce(credentials, from), "Bearer token-one");
  await settle();
  assert.equal(state.count, 1, "80 % of its life are not over");
  clock.pass(2_000);
  assert.equal(givenAtOnce(credentials, from), "Bearer token-one", "nobody waits for the renewal");
  assert.equal(givenAtOnce(credentials, from), "Bearer token-one");
  await settle();
  assert.equal(givenAtOnce(credentials, from), "Bearer token-two");
  assert.equal(state.count, 2);

  state.answer = down;
  clock.pass(3_589_999);
  assert.equal(givenAtOnce(credentials, from), "Bearer token-two", "its last moment");
  await settle();
  assert.equal(givenAtOnce(credentials, from), "Bearer token-two", "a failed renewal takes nothing away");
  assert.deepEqual(events.at(-1), {
    kind: "failed",
    source: "azureManagedIdentity",
    problem: { code: "issuer_unreachable", message: "The token issuer was not reached: no connection could be made." },
    stillValid: true,
  });
  clock.pass(1);
  assert.equal(givenAtOnce(credentials, from), "issuer_unreachable", "ten seconds before its end it is over");
  assert.equal(state.count, 3, "and the pause holds");
});

test("INV-MODEL-EXPIRY: the wall clock ends a token too (a machine that slept), and stepping it back prolongs none", async (t) => {
  const { clock, credentials, state } = issuer(t, () => answered("token-one"));
  const from = provider(imds);
  assert.equal(await given(credentials, from), "Bearer token-one");
  state.answer = () => answered("token-two");
  clock.wall += 3_590_000;
  assert.equal(givenAtOnce(credentials, from), "(waits)");
  await settle();
  assert.equal(givenAtOnce(credentials, from), "Bearer token-two");
  state.answer = () => answered("token-three");
  clock.wall -= 86_400_000;
  clock.steady += 3_590_000;
  assert.equal(await given(credentials, from), "Bearer token-three");
});

test("a failing issuer is asked at 1 s, 2 s, 4 s ... 60 s, and calls between are told at once", async (t) => {
  const { clock, credentials, events, state } = issuer(t, down);
  const from = provider(imds);
  assert.equal(await given(credentials, from), "issuer_unreachable");
  const pauses: number[] = [];
  for (let asked = 1; asked < 10; asked += 1) {
    let pause = 0;
    while (state.count === asked) {
      const now = credentials.headersFor(from, REQUEST);
      if (now instanceof Promise) await now;
      else {
        pause += 500;
        clock.pass(500);
      }
    }
    pauses.push(pause / 1_000);
  }
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  assert.equal(events.length, 1, "what stays the same is told once");
  state.answer = () => answered("token-one");
  clock.pass(60_000);
  assert.equal(await given(credentials, from), "Bearer token-one");
});

test("an issuer that never answers holds nobody longer than the deadline", async (t) => {
  const { clock, credentials, state } = issuer(t, () => new Promise(() => undefined));
  const from = provider(imds);
  const started = performance.now();
  const all = await Promise.all(Array.from({ length: 20 }, () => given(credentials, from)));
  assert.deepEqual(new Set(all), new Set(["issuer_unreachable"]));
  assert.ok(performance.now() - started < 500);
  assert.equal(state.count, 1);
  state.answer = () => answered("token-one");
  clock.pass(1_000);
  assert.equal(await given(credentials, from), "Bearer token-one");
});

test("the deadline aborts the request's signal", async (t) => {
  let aborted = false;
  const request: TokenRequest = (_issuer, _request, signal) =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        aborted = true;
        resolve(fail("timed_out"));
      });
    });
  const { credentials } = world(t, { request, deadline: millis(20) });
  assert.equal(await given(credentials, provider(imds)), "issuer_unreachable");
  assert.ok(aborted);
});

test("INV-MODEL-REJECTED: refusals renew a token at most every 30 s, and take none away where no other comes", async (t) => {
  const { clock, credentials, state } = issuer(t, () => answered("token-one"));
  const from = provider(imds);
  assert.equal(await given(credentials, from), "Bearer token-one");
  state.answer = () => answered("token-two");
  credentials.rejected(from);
  assert.equal(givenAtOnce(credentials, from), "(waits)", "a refused token waits for another");
  assert.equal(await given(credentials, from), "Bearer token-two");
  for (let storm = 0; storm < 1_000; storm += 1) {
    credentials.rejected(from);
    assert.equal(givenAtOnce(credentials, from), "Bearer token-two");
    clock.pass(29);
  }
  assert.equal(state.count, 2);
  state.answer = down;
  clock.pass(1_000);
  credentials.rejected(from);
  assert.equal(await given(credentials, from), "Bearer token-two", "there is no other");
  assert.equal(state.count, 3);
  for (let storm = 0; storm < 100; storm += 1) {
    credentials.rejected(from);
    assert.equal(givenAtOnce(credentials, from), "Bearer token-two");
  }
  await settle();
  assert.equal(state.count, 3);
});

test("INV-MODEL-REJECTED: refusals do not shorten the pause after failures", async (t) => {
  const { clock, credentials, state } = issuer(t, () => answered("token-one"));
  const from = provider(imds);
  assert.equal(await given(credentials, from), "Bearer token-one");
  state.answer = down;
  clock.pass(2_900_000);
  // Fails after 0, 1, 3, 7, 15, 31 s: the next pause is 32 s, longer than the refusals' own pace.
  for (const pause of [0, 1_000, 2_000, 4_000, 8_000, 16_000]) {
    clock.pass(pause);
    assert.equal(givenAtOnce(credentials, from), "Bearer token-one");
    await settle();
  }
  assert.equal(state.count, 7);
  credentials.rejected(from);
  clock.pass(31_000);
  credentials.rejected(from);
  assert.equal(givenAtOnce(credentials, from), "Bearer token-one");
  await settle();
  assert.equal(state.count, 7);
});

test("INV-MODEL-QUIET: nothing secret is in a problem, an event or a thrown error, whatever the issuer does", async (t) => {
  const echo = `${ASSERTION} ${tokenOf("x", 1)}`;
  const html = `<html>${echo}</html>`;
  type Answerer = () => Promise<Result<TokenHttpAnswer, TokenRequestFailure>>;
  const body =
    (status: number, text: string): Answerer =>
    () =>
      Promise.resolve(ok({ status, body: text }));
  const token = { access_token: tokenOf("x", 1), token_type: "Bearer", expires_in: 3_600 };
  const rows: readonly (readonly [name: string, answer: Answerer, code: string])[] = [
    ["HTML", body(200, html), "issuer_refused"],
    ["HTML with 500", body(500, html), "issuer_refused"],
    ["a huge answer", body(200, echo.repeat(1_000)), "issuer_refused"],
    [
      "200 with an error that echoes",
      body(200, JSON.stringify({ error: ASSERTION, error_description: echo })),
      "issuer_refused",
    ],
    ["an error that echoes", body(401, JSON.stringify({ error: echo, error_codes: [echo] })), "issuer_refused"],
    ["a negative life", body(200, JSON.stringify({ ...token, expires_in: -5 })), "issuer_refused"],
    ["a life of 1e99", body(200, JSON.stringify({ ...token, expires_in: 1e99 })), "issuer_refused"],
    ["a life that is no number", body(200, JSON.stringify({ ...token, expires_in: "NaN" })), "issuer_refused"],
    [
      "a token with a line end",
      body(200, JSON.stringify({ ...token, access_token: `${token.access_token}\r\nx: y` })),
      "issuer_refused",
    ],
    [
      "a failure that is none of the list",
      () => Promise.resolve(fail(echo as TokenRequestFailure)),
      "issuer_unreachable",
    ],
    ["a throw", () => Promise.reject(new Error(echo)), "issuer_unreachable"],
    [
      "a throw at once",
      () => {
        throw new Error(echo);
      },
      "issuer_unreachable",
    ],
    ["a throw of no error", () => Promise.reject(ASSERTION), "issuer_unreachable"],
  ];
  await using server = await entraServer();
  for (const [name, answer, code] of rows) {
    const { credentials, directory, events } = world(t, { request: () => answer() });
    writeFileSync(join(directory, "azure-token"), ASSERTION);
    const headers = await credentials.headersFor(provider(entra(server)), REQUEST);
    assert.ok(!headers.ok, name);
    assert.equal(headers.problem.code, code, name);
    const told = JSON.stringify([headers, events]);
    for (const secret of [ASSERTION, ASSERTION.slice(0, 20), ASSERTION.slice(-20), "x-token", "projected"]) {
      assert.ok(!told.includes(secret), `${name}: ${told}`);
    }
  }
});

test("INV-MODEL-QUIET: a secret file that holds no token or key is told of without what it holds", async (t) => {
  const { credentials, directory, events } = world(t);
  const held = "hunter2 is my password";
  for (const name of ["azure-token", "aws-keys", "key"]) writeFileSync(join(directory, name), held);
  const sources: readonly CredentialSource[] = [
    entra({ endpoint: provider(imds).endpoint }),
    { kind: "awsFile", file: "aws-keys", region: "us-east-1" },
    { kind: "file", file: "key" },
  ];
  for (const source of sources) {
    const headers = await credentials.headersFor(provider(source), REQUEST);
    assert.ok(!headers.ok && headers.problem.code === "secret_unusable", source.kind);
    assert.ok(!JSON.stringify([headers, events]).includes("hunter2"), source.kind);
  }
  assert.equal(events.length, 3);
});

test("a projected token that is rotated while running is the one sent next", async (t) => {
  const bodies: string[] = [];
  const request: TokenRequest = (_issuer, { body }) => {
    bodies.push(new URLSearchParams(body).get("client_assertion") ?? "");
    return answered("token-one", 600);
  };
  const { clock, credentials, directory } = world(t, { request });
  const from = provider(entra({ endpoint: provider(imds).endpoint }));
  writeFileSync(join(directory, "azure-token"), "projected-token-1");
  await given(credentials, from);
  rmSync(join(directory, "azure-token"));
  writeFileSync(join(directory, "azure-token"), "projected-token-2");
  clock.pass(600_000);
  await given(credentials, from);
  assert.deepEqual(bodies, ["projected-token-1", "projected-token-2"]);
});

test("a token whose life is over before it arrives is none", async (t) => {
  const { clock, credentials, state } = issuer(t, () => {
    clock.pass(2_000);
    return answered("token-one", 1);
  });
  const headers = await credentials.headersFor(provider(imds), REQUEST);
  assert.deepEqual(headers, {
    ok: false,
    problem: { code: "issuer_refused", message: "The token had ended before it arrived." },
  });
  assert.equal(state.count, 1);
});

test("a policy that names a source no more closes it; one that still does keeps its token", async (t) => {
  const { credentials, state } = issuer(t, () => answered(`token-number-${state.count}`));
  const one = provider(imds);
  const other = provider({ ...imds, client: undefined });
  assert.equal(await given(credentials, one), "Bearer token-number-1");
  assert.equal(await given(credentials, other), "Bearer token-number-2");
  const again = provider(imds);
  credentials.retain([again]);
  assert.equal(givenAtOnce(credentials, again), "Bearer token-number-1");
  assert.equal(givenAtOnce(credentials, other), "closed");
  credentials.close();
  assert.equal(givenAtOnce(credentials, again), "closed");
  assert.equal(givenAtOnce(credentials, provider({ kind: "file", file: "x" })), "closed");
  assert.equal(state.count, 2);
});

test("closing gives up what is under way", async (t) => {
  let signalled: AbortSignal | undefined;
  const request: TokenRequest = (_issuer, _request, signal) => {
    signalled = signal;
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(fail("timed_out"))));
  };
  const { credentials, events } = world(t, { request });
  const waiting = given(credentials, provider(imds));
  credentials.close();
  assert.equal(await waiting, "closed");
  assert.ok(signalled?.aborted);
  assert.deepEqual(events, []);
});

test("real answers over HTTP: cut, endless, slow to come, not JSON", async (t) => {
  await using server = await imdsServer();
  const rows: readonly (readonly [answer: Parameters<TokenServer["answer"]>[0], code: string])[] = [
    [(_asked, response) => response.writeHead(200, { "content-length": "100" }).end("{"), "issuer_unreachable"],
    [(_asked, response) => void response.socket?.destroy(), "issuer_unreachable"],
    [(_asked, response) => void response.writeHead(200).end("a".repeat(70_000)), "issuer_unreachable"],
    [() => undefined, "issuer_unreachable"],
    [(_asked, response) => void response.writeHead(302, { location: "http://127.0.0.1/" }).end(), "issuer_refused"],
    [(_asked, response) => json(response, { access_token: "a" }), "issuer_refused"],
  ];
  for (const [answer, code] of rows) {
    server.answer(answer);
    const { credentials } = world(t, { request: loopbackTokenRequest(server.port), deadline: millis(100) });
    assert.equal(await given(credentials, provider(imds)), code);
  }
  assert.deepEqual(server.faults, []);
});

test("times of renewal, of use and of pauses", () => {
  const rows: readonly (readonly [life: number, usable: number, renew: number])[] = [
    [86_400_000, 86_390_000, 69_120_000],
    [3_600_000, 3_590_000, 2_880_000],
    [1_200_000, 1_190_000, 900_000],
    [600_000, 590_000, 300_000],
    [60_000, 54_000, 30_000],
    [1_000, 900, 500],
  ];
  for (const [life, usable, renew] of rows) {
    assert.equal(usableFor(millis(life)), usable);
    assert.equal(renewAfter(millis(life), 0), renew);
    const late = renewAfter(millis(life), 0.999);
    assert.ok(late < renew && late > renew * 0.89);
  }
  assert.equal(pauseAfter(1_000, 0), 60_000);
  assert.equal(pauseAfter(1_000, 0.99), 60_000);
  assert.ok(pauseAfter(1, 0.99) > 1_200 && pauseAfter(1, 0.99) < 1_250);
});
