import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { suggestedText } from "../../cli/policy-suggest-text.ts";
import { epochMillis, millis, portOf } from "../../router/core/base/quantity.ts";
import { LearnedBook } from "../../router/core/learning/learned-book.ts";
import { learnedText, parseLearned } from "../../router/core/learning/learned-text.ts";
import { coversShape, parseShape, shapeOf, shapeText } from "../../router/core/learning/path-shape.ts";
import { namedMethod, type Observation } from "../../router/core/learning/seen.ts";
import { denyRelationOf, relationOf } from "../../router/core/learning/shape-relation.ts";
import { suggest } from "../../router/core/learning/suggestion.ts";
import { compilePolicy } from "../../router/core/policy/compile.ts";
import { decide } from "../../router/core/policy/decide.ts";
import type { EgressRequest } from "../../router/core/policy/egress-request.ts";
import { parseEgressPolicy } from "../../router/core/policy/parse-egress-policy.ts";
import { allowsPath, deniesPath, parsePathPattern, readPath } from "../../router/core/policy/path-pattern.ts";
import type { CompiledPolicy } from "../../router/core/policy/snapshot.ts";
import { parseHost } from "../../router/core/wire/host.ts";

const runs = { numRuns: Number(process.env["SLUICE_TEST_RUNS"] ?? 300) };
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const AT = epochMillis(Date.UTC(2026, 10, 20));

const segment = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom("v1", "users", "list", "repos", "api", "health", "me", "status", "index.html"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("123", "2026-11-20", "6f1ed002-ab5d-4f3c-9d3c-1f0d3f9b2c11", "jo@x.example"),
  },
  { weight: 2, arbitrary: fc.stringMatching(/^[a-z]{2,9}$/) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "",
      "..",
      "%2e",
      "%2F",
      "*",
      "**",
      "%2A",
      "a%20b",
      "@a%2fB",
      "a%2fb%2fc",
      ";x",
      "$(id)",
      '"',
      "'",
      "%zz",
      "#",
    ),
  },
);
const path = fc.oneof(
  fc.array(segment, { minLength: 0, maxLength: 11 }).map((parts) => `/${parts.join("/")}`),
  fc.string({ unit: "binary", maxLength: 20 }).map((text) => `/${text}`),
);
const method = fc.oneof(
  fc.constantFrom("GET", "POST", "DELETE", "M-SEARCH"),
  fc.constantFrom("get", "$(ID)", "A'B", "CONNECT"),
);
const host = fc.constantFrom(
  "a.one.example",
  "b.one.example",
  "c.one.example",
  "two.example",
  "192.0.2.7",
  "[2001:db8::7]",
  "_x.example",
  "localhost",
);
const port = fc.constantFrom(80, 443, 8080);

/** What an agent asked for, as a door makes it, and whether it is TLS where it is a tunnel. */
const asked: fc.Arbitrary<readonly [EgressRequest, "tls" | "tcp"]> = fc
  .tuple(host, port, fc.constantFrom("tls", "tcp", "http", "secure"), method, path)
  .map(([name, number, kind, verb, target]) => {
    const at = parseHost(name);
    const where = portOf(number);
    assert.ok(at.ok && where !== undefined);
    const to = { host: at.value, port: where };
    if (kind === "tls" || kind === "tcp") return [{ via: "tunnel", ...to }, kind] as const;
    return [{ via: "http", secure: kind === "secure", ...to, method: verb, path: target }, "tls"] as const;
  });

function observed([request, protocol]: readonly [EgressRequest, "tls" | "tcp"]): Observation {
  const { host: at, port: number } = request;
  const tally = { at: AT, bytesOut: 1, bytesIn: 1 };
  const outcome = { allowed: true, rule: undefined, unlisted: "host_not_allowed" } as const;
  const to = { host: at, port: number, ...tally, outcome };
  if (request.via === "tunnel") return { ...to, kind: protocol, method: undefined, shape: undefined };
  const kind = request.secure === true ? "https-inspected" : "http";
  return { ...to, kind, method: namedMethod(request.method), shape: shapeOf(request.path) };
}

function policyFor(book: LearnedBook): CompiledPolicy {
  const suggestion = suggest(book.entries());
  const text = suggestedText({
    name: "p",
    version: 1,
    issuedAt: AT,
    expiresAt: epochMillis(AT + 86_400_000),
    audience: '{ namespaces: ["*"], agents: ["*"] }',
    suggestion,
    kept: undefined,
    overflow: book.overflow,
    notes: ["a note\n  mode: learn\u2028"],
  });
  const document = parseEgressPolicy("suggested.yaml", text);
  assert.ok(document.ok, `${JSON.stringify(document)}\n${text}`);
  assert.equal(document.value.mode, "enforce");
  return compilePolicy(document.value, `sha256:${"0".repeat(64)}`, millis(0));
}

test("INV-LEARN-SUGGEST: a suggestion is a policy that allows every exchange it was made from, if a rule can name it", () => {
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 40 }), (exchanges) => {
      const book = new LearnedBook(4096);
      for (const one of exchanges) book.observe(observed(one));
      assert.equal(book.overflow, undefined);
      const policy = policyFor(book);
      for (const one of exchanges) {
        const [request] = one;
        const observation = observed(one);
        const isNameable =
          request.via === "tunnel" || (observation.method !== undefined && observation.shape !== undefined);
        const decision = decide(policy, request, AT);
        // What no rule can name is opened by a closed tunnel only, that was seen as well.
        if (isNameable) assert.equal(decision.effect, "permit", JSON.stringify(request));
      }
    }),
    runs,
  );
});

test("INV-LEARN-SUGGEST: it allows no other host, port, method or word of a path", () => {
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 12 }), asked, (exchanges, other) => {
      const book = new LearnedBook(4096);
      for (const one of exchanges) book.observe(observed(one));
      const [request] = other;
      if (decide(policyFor(book), request, AT).effect === "deny") return;
      const seen = observed(other);
      const isSeen = book.entries().some((entry) => {
        if (entry.host.text !== seen.host.text || entry.port !== seen.port) return false;
        // A tunnel was seen, or its requests: then it is opened, and they are judged.
        if (request.via === "tunnel") return true;
        if (request.secure === true && entry.kind === "tls") return true;
        if (entry.kind !== seen.kind || entry.method !== seen.method) return false;
        return entry.shape !== undefined && seen.shape !== undefined && coversShape(entry.shape, seen.shape);
      });
      assert.ok(isSeen, JSON.stringify(request));
    }),
    runs,
  );
});

test("a shape is a pattern that matches its path, holds words only, and is read again", () => {
  fc.assert(
    fc.property(path, (text) => {
      const shape = shapeOf(text);
      if (shape === undefined) {
        assert.equal(readPath(text), "ambiguous");
        return;
      }
      const written = shapeText(shape);
      assert.match(written, /^\/(?:[A-Za-z0-9._~*/-]|%2F)*$/);
      assert.deepEqual(parseShape(written), shape);
      const pattern = parsePathPattern(written);
      assert.ok(pattern.ok);
      assert.ok(allowsPath(pattern.value, readPath(text)), `${written} ${text}`);
      assert.ok(coversShape(shape, shape));
    }),
    { ...runs, numRuns: runs.numRuns * 4 },
  );
});

test("INV-LEARN-BOUND: whatever comes, the book is within its bounds, loses no exchange, and is read again as written", () => {
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 80 }), fc.integer({ min: 16, max: 40 }), (exchanges, maximum) => {
      const book = new LearnedBook(maximum);
      for (const one of exchanges) book.observe(observed(one));
      assert.ok(book.size <= maximum);
      const entries = book.entries();
      assert.equal(entries.length, book.size);
      const counted = entries.reduce((sum, { count }) => sum + count, 0) + (book.overflow?.count ?? 0);
      assert.equal(counted, exchanges.length);
      const about = { policy: "p", version: 1, namespace: "n", agent: "a" };
      const text = learnedText({ about, entries, overflow: book.overflow }, sha256);
      const read = parseLearned(text, sha256);
      assert.ok(read.ok, read.ok ? "" : `${read.problem}\n${text}`);
      const again = new LearnedBook(maximum);
      again.restore(read.value.entries, read.value.overflow);
      assert.deepEqual(again.entries(), entries);
    }),
    runs,
  );
});

test("no text makes the reader throw, and a changed one is refused", () => {
  const book = new LearnedBook(16);
  for (const name of ["a.example", "b.example"]) {
    const at = parseHost(name);
    const number = portOf(443);
    assert.ok(at.ok && number !== undefined);
    book.observe(observed([{ via: "tunnel", host: at.value, port: number }, "tls"]));
  }
  const about = { policy: "p", version: 1, namespace: "n", agent: "a" };
  const text = learnedText({ about, entries: book.entries(), overflow: undefined }, sha256);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), fc.nat(3), (at, put, cut) => {
      const changed = text.slice(0, at) + put + text.slice(at + cut);
      assert.equal(parseLearned(changed, sha256).ok, changed === text);
    }),
    runs,
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (any) => void parseLearned(any, sha256)),
    runs,
  );
});

const glob = fc
  .array(fc.constantFrom("v1", "users", "list", "*", "**", "l*t", "u*", "me", "v1%2fusers", "*%2F*", "LIST"), {
    minLength: 1,
    maxLength: 5,
  })
  .map((parts) => `/${parts.join("/")}`);

test("what is said of a pattern and a shape is true of every path of the shape", () => {
  const plain = fc
    .array(fc.constantFrom("v1", "users", "list", "me", "123", "2026-11-20", "lt", "", "v1%2Fusers", "1%2f2", "Me."), {
      maxLength: 10,
    })
    .map((parts) => `/${parts.join("/")}`);
  fc.assert(
    fc.property(glob, plain, (text, asPath) => {
      const shape = shapeOf(asPath);
      const pattern = parsePathPattern(text);
      if (shape === undefined || !pattern.ok) return;
      const segments = readPath(asPath);
      const relation = relationOf(pattern.value, shape);
      if (relation !== "some")
        assert.equal(allowsPath(pattern.value, segments), relation === "all", `${text} ${asPath}`);
      const denying = denyRelationOf(pattern.value, shape);
      if (denying !== "some") assert.equal(deniesPath(pattern.value, segments), denying === "all", `${text} ${asPath}`);
    }),
    { ...runs, numRuns: runs.numRuns * 10 },
  );
});
