import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { CredentialEvent } from "../../../../router/app/credentials/credential-problem.ts";
import { type InjectedFields, injectedFields } from "../../../../router/app/inspection/injected-fields.ts";
import { createInjectionSecrets } from "../../../../router/app/inspection/injection-secrets.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import type { Result } from "../../../../router/core/base/result.ts";
import { compilePolicy } from "../../../../router/core/policy/compile.ts";
import { decide } from "../../../../router/core/policy/decide.ts";
import type { NamePermit } from "../../../../router/core/policy/permit.ts";
import { until } from "../../../fakes/until.ts";
import { allowRule, DIGEST, NOON, policyDocument, request } from "../../core/policy/policy-fixture.ts";
import { HandClock } from "../credentials/rooms.ts";

const SECRET = "ghp_0123456789abcdef";
const BARRED = /^The secret token is being guessed from answers: it is sent no more until its file holds another\.$/;

interface World {
  readonly clock: HandClock;
  readonly events: CredentialEvent[];
  write(secret: string): void;
  injected(): Promise<Result<InjectedFields, string>>;
}

function world(t: TestContext): World {
  const directory = mkdtempSync(join(tmpdir(), "sluice-injected-"));
  const clock = new HandClock();
  const events: CredentialEvent[] = [];
  const secrets = createInjectionSecrets({ clock, directory, event: (event) => events.push(event) });
  t.after(() => {
    secrets.close();
    rmSync(directory, { recursive: true });
  });
  const write = (secret: string): void => writeFileSync(join(directory, "token"), secret);
  write(SECRET);
  const permit = injecting();
  return { clock, events, write, injected: () => injectedFields(secrets, permit) };
}

function injecting(): NamePermit {
  const rule = allowRule({ id: "a", hosts: ["a.example"], inspect: true });
  const inject = [{ header: "x-api-key", secret: "token", prefix: "" }];
  const policy = compilePolicy({ ...policyDocument({}), allow: [{ ...rule, inject }] }, DIGEST, millis(0));
  const decision = decide(policy, request("CONNECT a.example:443"), NOON);
  assert.ok(decision.effect !== "deny");
  return decision.permit;
}

async function fields(of: World): Promise<InjectedFields> {
  const injected = await of.injected();
  assert.ok(injected.ok, injected.ok ? "" : injected.problem);
  return injected.value;
}

/** What became of an answer that said this and no more: what went on before the cut, or all of it. */
async function said(injected: InjectedFields, text: string): Promise<string> {
  let sent = "";
  let isCut = false;
  const gate = injected.gate(
    (octets) => void (sent += Buffer.from(octets).toString()),
    () => (isCut = true),
  );
  assert.ok(gate.push(Buffer.from(text)));
  await until(() => isCut || sent.length === text.length);
  gate.close();
  return isCut ? `${sent}|cut` : sent;
}

test("INV-INSPECT-3: nothing of the agent's goes out under an injected name, as CGI origins read names", async (t) => {
  const injected = await fields(world(t));
  const asked = ["x-api-key", "x_api_key", "x-api_key", "x_mine", "accept_encoding", "if_range"];
  const sent = injected.request(asked.map((name) => ({ name, rawName: name, value: "mine" })));
  assert.deepEqual(
    sent.map(({ name, value }) => `${name}: ${value}`),
    ["x_mine: mine", "accept-encoding: identity", `x-api-key: ${SECRET}`],
  );
});

test("INV-INSPECT-4: what an answer ends with for now goes on after a moment, whether it begins the secret or not", async (t) => {
  const injected = await fields(world(t));
  assert.equal(await said(injected, `data: ghp_0`), "data: ghp_0");
  assert.equal(await said(injected, `data: other`), "data: other");
  let sent = "";
  const waiting = injected.gate((octets) => void (sent += Buffer.from(octets).toString()));
  assert.ok(waiting.push(Buffer.from("ghp_01234")));
  assert.equal(sent, "");
  assert.ok(waiting.end());
  assert.equal(sent, "ghp_01234", "without a cut it waits for the end");
});

test("INV-INSPECT-4: a secret that is guessed at goes out no more until its file holds another", async (t) => {
  const of = world(t);
  const injected = await fields(of);
  let isCut = false;
  const open = injected.gate(
    () => undefined,
    () => (isCut = true),
  );
  assert.ok(open.push(Buffer.from("nothing")));
  // What tells nothing new counts once: an origin that says it often bars no key.
  for (const part of ["ghp_01", "ghp_01", "ghp_012", "ghp_01", "ghp_012", "\\u0067hp_01", "ghp_0123"]) {
    assert.ok((await of.injected()).ok);
    assert.match(await said(injected, `a long beginning of an answer, which goes on, and then ${part}`), /\|cut$/);
  }
  // Also what was under way: else many guesses at once would tell as many octets.
  assert.equal(open.push(Buffer.from("more")), false);
  assert.equal(open.end(), false);
  assert.equal(isCut, false);
  const refused = await of.injected();
  assert.match(refused.ok ? "" : refused.problem, BARRED);
  assert.deepEqual(
    of.events.map((event) => (event.kind === "failed" ? event.problem.message.replace(BARRED, "barred") : event.kind)),
    ["ready", "barred"],
  );
  of.write(SECRET);
  of.clock.pass(10_000);
  assert.equal((await of.injected()).ok, false, "the same secret anew");
  of.write(`${SECRET}-2`);
  of.clock.pass(10_000);
  const renewed = await fields(of);
  assert.equal(await said(renewed, "and on"), "and on");
  assert.ok(!JSON.stringify(of.events).includes("ghp_"));
});

test("a gate that is closed sends nothing any more", async (t) => {
  const injected = await fields(world(t));
  const sent: string[] = [];
  const [closed, open] = ["closed", "open"].map((name) =>
    injected.gate(
      () => sent.push(name),
      () => sent.push("cut"),
    ),
  );
  assert.ok(closed?.push(Buffer.from("x")) === true && open?.push(Buffer.from("x")) === true);
  closed.close();
  await until(() => sent.length > 0);
  assert.deepEqual(sent, ["open"]);
  assert.equal(closed.push(Buffer.from("y")), false);
  assert.equal(closed.end(), false);
  open.close();
});
