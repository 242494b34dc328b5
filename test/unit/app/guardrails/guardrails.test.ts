import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { fail, ok } from "../../../../router/core/base/result.ts";
import type { Guardrail, GuardrailCheck } from "../../../../router/core/guardrail/guardrail-rule.ts";
import { answerGuard } from "../../../../router/app/guardrails/answer-guard.ts";
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

test("INV-MODEL: what the patterns mask, nobody is asked about, wherever the guardrail stands", async () => {
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
  test(`INV-MODEL: a check that fails blocks: ${name}`, async () => {
    const verdict = await createGuardrails(scripted(answer).post).judgeInput(
      [webhook("hook")],
      "chat",
      "m",
      body("hi"),
    );
    assert.deepEqual(verdict, { kind: "block", guardrail: "hook", reason: CHECK_FAILED });
  });
}

test("INV-MODEL: a post that fails, or throws before it is a promise, blocks", async () => {
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

test("INV-MODEL: token numbers and what is not JSON are blocked without asking", async () => {
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

test("INV-MODEL: patterns that cannot be searched for block everything", () => {
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

/** Relays as the answer's relay does: holds while the stage waits. */
async function staged(
  rails: readonly Guardrail[],
  post: PostCheck,
  chunks: readonly string[],
  streaming: boolean,
): Promise<{ out: string; early: string; blocked: string | undefined }> {
  const stage = answerGuard(createGuardrails(post), rails, "chat", "m", streaming);
  assert.ok(typeof stage === "object");
  let out = "";
  let early = "";
  const emit = (bytes: Uint8Array): void => {
    const text = Buffer.from(bytes).toString();
    out += text;
    if (stage.pending === undefined) early += text;
  };
  for (const chunk of chunks) stage.push(Buffer.from(chunk), emit);
  const before = early;
  if (stage.blocked === undefined) stage.end(emit);
  await stage.pending;
  return { out, early: before, blocked: stage.blocked?.rule };
}

test("a stream is cut into frames wherever its chunks end, and guarded", async () => {
  const text = [sse("Hi "), sse("a@"), sse("b.co"), sse("! "), "data: [DONE]\n\n"].join("");
  const chunks = text.match(/[^]{1,11}/g) ?? [];
  const masked = await staged([patterns("mail", { action: "mask" })], nobody, chunks, true);
  assert.equal(masked.out, [sse("Hi "), sse("[email]"), sse(""), sse("! "), "data: [DONE]\n\n"].join(""));
  const blocked = await staged([patterns("mail")], nobody, chunks, true);
  assert.equal(blocked.blocked, "mail");
  assert.equal(blocked.out, sse("Hi "));
});

test("INV-MODEL: of a stream that a service is asked about nothing is out before it has answered", async () => {
  const frames = [sse("Hel"), sse("lo"), "data: [DONE]\n\n"];
  const allowing = scripted('{"action":"allow"}');
  assert.deepEqual(await staged([webhook("hook")], allowing.post, frames, true), {
    out: frames.join(""),
    early: "",
    blocked: undefined,
  });
  assert.deepEqual((allowing.asked[0] as { texts: unknown }).texts, ["Hello"]);
  const masking = scripted('{"action":"mask","texts":["J"]}');
  assert.equal(
    (await staged([webhook("hook", { action: "mask" })], masking.post, frames, true)).out,
    [sse("J"), sse(""), frames[2]].join(""),
  );
  const blocking = scripted('{"action":"block"}');
  assert.deepEqual(await staged([webhook("hook")], blocking.post, frames, true), {
    out: "",
    early: "",
    blocked: "hook",
  });
  assert.deepEqual(await staged([patterns("mail"), webhook("hook")], nobody, [sse("a@b.co "), sse("x")], true), {
    out: "",
    early: "",
    blocked: "mail",
  });
  assert.deepEqual(await staged([webhook("hook")], nobody, ["data: {\n\n"], true), {
    out: "",
    early: "",
    blocked: "hook",
  });
});

test("an answer that is no stream is kept until it has been judged", async () => {
  const answer = JSON.stringify({ choices: [{ message: { content: "to a@b.co é" } }] });
  const chunks = [answer.slice(0, 30), answer.slice(30)];
  assert.deepEqual(await staged([patterns("mail")], nobody, chunks, false), { out: "", early: "", blocked: "mail" });
  const masked = await staged([patterns("mail", { action: "mask" })], nobody, chunks, false);
  assert.equal(masked.out, answer.replace("a@b.co", "[email]"));
  const passed = await staged([webhook("hook")], scripted('{"action":"allow"}').post, chunks, false);
  assert.equal(passed.out, answer);
  assert.equal((await staged([patterns("mail")], nobody, ["not JSON"], false)).blocked, "mail");
});

test("no stage where no guardrail applies, and none for streams that cannot be guarded", () => {
  const guardrails = createGuardrails(nobody);
  assert.equal(answerGuard(guardrails, [patterns("x", { on: ["input"] })], "chat", "m", true), undefined);
  assert.equal(answerGuard(guardrails, [patterns("x")], "converse", "m", true), "unsupported");
  assert.ok(typeof answerGuard(guardrails, [patterns("x")], "converse", "m", false) === "object");
});
