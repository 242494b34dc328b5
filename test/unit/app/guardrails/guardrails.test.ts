import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok } from "../../../../router/core/base/result.ts";
import type { Guardrail, GuardrailCheck } from "../../../../router/core/guardrail/guardrail-rule.ts";
import { createGuardrails } from "../../../../router/app/guardrails/guardrails.ts";
import { CHECK_FAILED, type PostCheck } from "../../../../router/app/guardrails/remote-check.ts";

function rail(id: string, check: GuardrailCheck, rest: Partial<Guardrail> = {}): Guardrail {
  return { id, on: ["input", "output"], check, action: "block", models: undefined, timeout: millis(60), ...rest };
}
const patterns = (id: string, rest: Partial<Guardrail> = {}): Guardrail =>
  rail(id, { kind: "patterns", builtIn: ["email"], patterns: [] }, rest);
const webhook = (id: string, rest: Partial<Guardrail> = {}): Guardrail =>
  rail(id, { kind: "webhook", url: "https://guard.test/", tokenFile: undefined }, rest);
const moderation = (id: string): Guardrail => rail(id, { kind: "moderation", provider: "openai", model: "omni" });

/** Answers in turn; fails the test when asked more often. */
function scripted(...answers: readonly (string | number | Promise<never> | Error)[]): {
  post: PostCheck;
  asked: unknown[];
} {
  const asked: unknown[] = [];
  const left = [...answers];
  return {
    asked,
    post: (check, body) => {
      asked.push({ kind: check.kind, ...(JSON.parse(body) as object) });
      const answer = left.shift();
      assert.notEqual(answer, undefined, "asked once too often");
      if (answer instanceof Promise) return answer;
      if (answer instanceof Error) return Promise.reject(answer);
      return Promise.resolve(
        typeof answer === "string"
          ? ok({ status: 200, body: answer })
          : ok({ status: answer ?? 0, body: '{"action":"allow"}' }),
      );
    },
  };
}
const nobody: PostCheck = () => assert.fail("nobody is to be asked");
const body = (content: string): string => JSON.stringify({ model: "m", messages: [{ role: "user", content }] });

test("patterns alone are judged at once", () => {
  const guardrails = createGuardrails(nobody);
  const rails = [patterns("mail")];
  guardrails.prepare(rails);
  assert.deepEqual(guardrails.judgeInput(rails, "chat", "m", body("hi")), { kind: "pass" });
  assert.deepEqual(guardrails.judgeInput(rails, "chat", "m", body("a@b.co")), {
    kind: "block",
    guardrail: "mail",
    reason: "email",
  });
  assert.deepEqual(guardrails.judgeInput([patterns("mail", { action: "mask" })], "chat", "m", body("a@b.co")), {
    kind: "mask",
    body: body("[email]"),
    guardrails: ["mail"],
  });
});

test("a guardrail applies to its phases and models only", () => {
  const guardrails = createGuardrails(nobody);
  const mail = body("a@b.co");
  assert.equal(
    (guardrails.judgeInput([patterns("x", { on: ["output"] })], "chat", "m", mail) as { kind: string }).kind,
    "pass",
  );
  assert.equal(
    (guardrails.judgeInput([patterns("x", { models: new Set(["n"]) })], "chat", "m", mail) as { kind: string }).kind,
    "pass",
  );
  assert.equal(
    (guardrails.judgeInput([patterns("x", { models: new Set(["m"]) })], "chat", "m", mail) as { kind: string }).kind,
    "block",
  );
});

test("what the patterns mask, nobody is asked about, wherever the guardrail stands", async () => {
  const { post, asked } = scripted('{"action":"allow"}');
  const rails = [webhook("hook"), patterns("mail", { action: "mask" })];
  const verdict = await createGuardrails(post).judgeInput(rails, "chat", "m", body("a@b.co"));
  assert.deepEqual(verdict, { kind: "mask", body: body("[email]"), guardrails: ["mail"] });
  assert.deepEqual(asked, [{ kind: "webhook", phase: "input", api: "chat", model: "m", texts: ["[email]"] }]);
});

test("a webhook may mask where the policy says so, and the next one sees what it left", async () => {
  const { post, asked } = scripted('{"action":"mask","texts":["***"]}', '{"action":"allow"}');
  const rails = [webhook("one", { action: "mask" }), webhook("two")];
  assert.deepEqual(await createGuardrails(post).judgeInput(rails, "chat", "m", body("secret")), {
    kind: "mask",
    body: body("***"),
    guardrails: ["one"],
  });
  assert.deepEqual((asked[1] as { texts: unknown }).texts, ["***"]);
  const blocking = scripted('{"action":"mask","texts":["***"]}');
  assert.deepEqual(await createGuardrails(blocking.post).judgeInput([webhook("one")], "chat", "m", body("secret")), {
    kind: "block",
    guardrail: "one",
    reason: "webhook",
  });
});

const hidden = JSON.stringify({
  messages: [
    { content: [{ type: "document", source: { type: "text", media_type: "text/plain", data: "THE PROMPT" } }] },
    { content: [{ type: "tool_use", id: "t", name: "f", input: { "IN NAME": 7 } }] },
  ],
});

test("INV-GUARDRAIL-SEES: a service sees what the model sees: documents, and names and numbers in a tool's input", async () => {
  for (const rail of [webhook("hook"), moderation("mod")]) {
    const seen = ["THE PROMPT", "f", "IN NAME", "7"];
    const results = JSON.stringify({ results: seen.map(() => ({ flagged: false })) });
    const { post, asked } = scripted(rail.check.kind === "webhook" ? '{"action":"allow"}' : results);
    assert.deepEqual(await createGuardrails(post).judgeInput([rail], "messages", "m", hidden), { kind: "pass" });
    const [question] = asked as readonly { texts?: unknown; input?: unknown }[];
    assert.deepEqual(question?.texts ?? question?.input, seen);
  }
});

test("a webhook that would mask a name or a number blocks, and may mask what is written", async () => {
  const judged = (texts: readonly string[]): unknown =>
    createGuardrails(scripted(JSON.stringify({ action: "mask", texts })).post).judgeInput(
      [webhook("hook", { action: "mask" })],
      "messages",
      "m",
      hidden,
    );
  const block = { kind: "block", guardrail: "hook", reason: "webhook" };
  assert.deepEqual(await judged(["THE PROMPT", "f", "***", "7"]), block);
  assert.deepEqual(await judged(["***", "f", "IN NAME", "8"]), block);
  assert.deepEqual(await judged(["***", "f", "IN NAME", "7"]), {
    kind: "mask",
    body: hidden.replace("THE PROMPT", "***"),
    guardrails: ["hook"],
  });
});

test("a webhook that would mask a tool's name in a stream blocks it", async () => {
  const name = (text: string): string =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { name: text } }] } }] })}\n\n`;
  const { post, asked } = scripted('{"action":"mask","texts":["***"]}');
  const { out, blocked } = await streamed([webhook("hook", { action: "mask" })], post, [name("lo"), name("ok")]);
  assert.deepEqual([out, blocked], ["", ["hook", "webhook"]]);
  assert.deepEqual((asked[0] as { texts: unknown }).texts, ["look"]);
});

const failures: readonly (readonly [name: string, answer: string | number | Promise<never> | Error])[] = [
  ["no JSON", "allow"],
  ["another word", '{"action":"ok"}'],
  ["status 201", 201],
  ["status 302", 302],
  ["status 500", 500],
  ["a rejection", new Error("reset")],
  ["nothing in time", new Promise<never>(() => undefined)],
];
for (const [name, answer] of failures) {
  test(`INV-GUARDRAIL-FAIL: a check that fails blocks: ${name}`, async () => {
    const verdict = await createGuardrails(scripted(answer).post).judgeInput(
      [webhook("hook")],
      "chat",
      "m",
      body("hi"),
    );
    assert.deepEqual(verdict, { kind: "block", guardrail: "hook", reason: CHECK_FAILED });
  });
}

test("a post that fails, or throws before it is a promise, blocks", async () => {
  const refused = createGuardrails(() => Promise.resolve(fail("No.")));
  assert.equal((await refused.judgeInput([moderation("mod")], "chat", "m", body("hi"))).kind, "block");
  const thrown = createGuardrails(() => {
    throw new Error("bug");
  });
  assert.equal((await thrown.judgeInput([moderation("mod")], "chat", "m", body("hi"))).kind, "block");
});

test("a moderation is asked about texts that are not empty, and says what it flagged", async () => {
  const { post, asked } = scripted('{"results":[{"flagged":true,"categories":{"hate":true}}]}');
  const text = JSON.stringify({ messages: [{ content: "" }, { content: "hm" }] });
  assert.deepEqual(await createGuardrails(post).judgeInput([moderation("mod")], "chat", "m", text), {
    kind: "block",
    guardrail: "mod",
    reason: "hate",
  });
  assert.deepEqual(asked, [{ kind: "moderation", model: "omni", input: ["hm"] }]);
  assert.deepEqual(await createGuardrails(nobody).judgeInput([moderation("mod")], "embeddings", "m", '{"input":[]}'), {
    kind: "pass",
  });
});

test("token numbers and what is not JSON are blocked without asking", async () => {
  const guardrails = createGuardrails(nobody);
  for (const rails of [[patterns("r")], [webhook("r")]]) {
    assert.deepEqual(await guardrails.judgeInput(rails, "completions", "m", '{"prompt":[1,2]}'), {
      kind: "block",
      guardrail: "r",
      reason: "token_ids",
    });
    assert.deepEqual(await guardrails.judgeInput(rails, "chat", "m", "{"), {
      kind: "block",
      guardrail: "r",
      reason: "unreadable",
    });
  }
});

test("patterns that cannot be searched for block everything", () => {
  const broken = rail("own", { kind: "patterns", builtIn: [], patterns: ["a**"] });
  const guardrails = createGuardrails(nobody);
  assert.deepEqual(guardrails.judgeInput([broken], "chat", "m", body("hi")), {
    kind: "block",
    guardrail: "own",
    reason: "invalid_pattern",
  });
  assert.equal(guardrails.guardStream([broken], "chat", "m"), "unsupported");
});

test("a stream is free, guarded, or not to be guarded", () => {
  const guardrails = createGuardrails(nobody);
  assert.equal(guardrails.guardStream([patterns("x", { on: ["input"] })], "chat", "m"), "free");
  assert.equal(guardrails.guardStream([patterns("x")], "converse", "m"), "unsupported");
  const stream = guardrails.guardStream([patterns("x")], "chat", "m");
  assert.ok(typeof stream === "object" && stream.flows);
});

const sse = (content: string): string => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;

interface Streamed {
  readonly out: string;
  /** What was out before the stream's end. */
  readonly early: string;
  readonly blocked: readonly [guardrail: string, name: string] | undefined;
}

async function streamed(rails: readonly Guardrail[], post: PostCheck, frames: readonly string[]): Promise<Streamed> {
  const stream = createGuardrails(post).guardStream(rails, "chat", "m");
  assert.ok(typeof stream === "object");
  let out = "";
  let early = "";
  for (const frame of [...frames, undefined]) {
    const bytes = frame === undefined ? undefined : Buffer.from(frame);
    const step = bytes === undefined ? await stream.end() : stream.frame(bytes);
    if (step.kind === "blocked") return { out, early, blocked: [step.guardrail, step.name] };
    out += step.frames.map((emitted) => Buffer.from(emitted).toString()).join("");
    if (frame !== undefined) early = out;
    // Whoever gave the octets uses them again.
    bytes?.fill(0);
  }
  return { out, early, blocked: undefined };
}

test("a stream under patterns flows, and is masked or blocked as it goes", async () => {
  const frames = [sse("Hi "), sse("a@"), sse("b.co"), sse("! "), "data: [DONE]\n\n"];
  const masked = [sse("Hi "), sse("[email]"), sse(""), sse("! "), "data: [DONE]\n\n"].join("");
  assert.deepEqual(await streamed([patterns("mail", { action: "mask" })], nobody, frames), {
    out: masked,
    early: masked,
    blocked: undefined,
  });
  const blocked = await streamed([patterns("mail")], nobody, frames);
  assert.deepEqual(blocked, { out: sse("Hi "), early: sse("Hi "), blocked: ["mail", "email"] });
});

test("of a stream that a service is asked about nothing is out before it has answered", async () => {
  const frames = [sse("Hel"), sse("lo"), "data: [DONE]\n\n"];
  const nothing = { out: "", early: "" };
  const allowing = scripted('{"action":"allow"}');
  assert.deepEqual(await streamed([webhook("hook")], allowing.post, frames), {
    out: frames.join(""),
    early: "",
    blocked: undefined,
  });
  assert.deepEqual((allowing.asked[0] as { texts: unknown }).texts, ["Hello"]);
  const masking = scripted('{"action":"mask","texts":["J"]}', '{"action":"allow"}');
  const rails = [webhook("one", { action: "mask" }), webhook("two")];
  assert.equal((await streamed(rails, masking.post, frames)).out, [sse("J"), sse(""), frames[2]].join(""));
  assert.deepEqual((masking.asked[1] as { texts: unknown }).texts, ["J"]);
  const blocking = scripted('{"action":"block"}');
  assert.deepEqual(await streamed([webhook("hook")], blocking.post, frames), {
    ...nothing,
    blocked: ["hook", "webhook"],
  });
  assert.deepEqual(await streamed([webhook("hook")], scripted(500).post, frames), {
    ...nothing,
    blocked: ["hook", CHECK_FAILED],
  });
  const both = [webhook("hook"), patterns("mail")];
  assert.deepEqual(await streamed(both, nobody, [sse("a@b.co "), sse("x")]), {
    ...nothing,
    blocked: ["mail", "email"],
  });
  assert.deepEqual(await streamed([webhook("hook")], nobody, ["data: {\n\n"]), {
    ...nothing,
    blocked: ["hook", CHECK_FAILED],
  });
});

test("a service is asked about what the patterns left of a stream", async () => {
  const { post, asked } = scripted('{"action":"allow"}');
  const rails = [webhook("hook"), patterns("mail", { action: "mask" })];
  const { out } = await streamed(rails, post, [sse("to a@"), sse("b.co now ")]);
  assert.equal(out, sse("to [email]") + sse(" now "));
  assert.deepEqual((asked[0] as { texts: unknown }).texts, ["to [email] now "]);
});

test("an answer that is no stream is judged as a whole", async () => {
  const answer = JSON.stringify({ id: "c", choices: [{ message: { content: "to a@b.co" } }] });
  const guardrails = createGuardrails(scripted('{"action":"block","reason":"no"}').post);
  assert.deepEqual(guardrails.judgeOutput([patterns("mail", { action: "mask" })], "converse", "m", answer), {
    kind: "mask",
    body: answer.replace("a@b.co", "[email]"),
    guardrails: ["mail"],
  });
  assert.deepEqual(await guardrails.judgeOutput([webhook("hook")], "chat", "m", answer), {
    kind: "block",
    guardrail: "hook",
    reason: "no",
  });
  assert.deepEqual(guardrails.judgeOutput([patterns("mail")], "chat", "m", "oops"), {
    kind: "block",
    guardrail: "mail",
    reason: "unreadable",
  });
});
