import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { type DnsScript, fakeDns, type FakeDns } from "../fakes/dns-server.ts";
import { type Origin, tcpOrigin, testCa } from "../fakes/origins.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { type ScriptedOrigin, scriptedOrigin, type SeenRequest } from "../fakes/scripted-origin.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";

const SECRET = "sk-fetch-0123456789/abcdef";
const MIB = 1_048_576;

let web: ScriptedOrigin;
let other: ScriptedOrigin;
let tls: ScriptedOrigin;
let raw: Origin;
/** What the raw origin does with its next connection. */
let next: (socket: Socket) => void = () => undefined;
let dns: FakeDns;
let sidecar: Sidecar;
let directory = "";
/** Where `rebind.example` leads, one look-up after the other; then the last. */
let rebind: string[] = ["127.0.0.1"];

const dump = (response: ServerResponse, request: SeenRequest): void => void response.end(JSON.stringify(request));
const to =
  (status: number, location: () => string) =>
  (response: ServerResponse): void =>
    void response.writeHead(status, { Location: location() }).end("moved");

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "sluice-fetch-"));
  writeFileSync(join(directory, "roots.pem"), testCa().certificatePem);
  raw = await tcpOrigin((socket) => next(socket));
  other = await scriptedOrigin({ "/dump": dump, "/home": to(302, () => `http://web.example:${web.port}/dump`) });
  tls = await scriptedOrigin(
    {
      "/dump": dump,
      "/down": to(302, () => `http://web.example:${web.port}/dump`),
      "/away": to(302, () => `https://plain-tls.example:${tls.port}/dump`),
      "/leak": to(302, () => `https://plain-tls.example:${tls.port}/dump?t=${encodeURIComponent(SECRET)}`),
      "/echo": (response, request) => {
        response.end(`you sent ${request.headers["authorization"]}`);
      },
      "/seen": (response, request) => {
        response.setHeader("X-Seen", request.headers["authorization"] ?? "nothing");
        response.setHeader("X-Plain", "plain");
        response.end("fine");
      },
      "/zipped": (response) => {
        response.setHeader("Content-Encoding", "gzip");
        response.end(gzipSync(SECRET));
      },
      "/messages": (response) => void response.setHeader("Grpc-Encoding", "gzip").end(gzipSync(SECRET)),
      "/part": (response) => void response.writeHead(206).end(SECRET.slice(0, 9)),
      "/said-part": (response) => void response.setHeader("Content-Range", "bytes 9-19/20").end(SECRET.slice(9)),
      "/parts": (response) => void response.setHeader("Content-Type", "multipart/byteranges; boundary=b").end("--b"),
    },
    ["tls.example", "plain-tls.example", "narrow.example"],
  );
  web = await scriptedOrigin({
    "/dump": dump,
    "/text": (response) => void response.setHeader("Set-Cookie", ["a=b", "c=d"]).end("gr\u00fc\u00df dich"),
    "/none": (response) => void response.writeHead(204).end(),
    "/same": (response) => void response.writeHead(304, { ETag: '"x"' }).end(),
    "/bad": (response) => void response.writeHead(500).end("my fault"),
    "/no": (response) => void response.writeHead(403).end("not you"),
    "/binary": (response) => void response.end(Buffer.from([0, 1, 255, 254])),
    "/bomb": (response) => {
      response.setHeader("Content-Encoding", "gzip");
      response.end(gzipSync(Buffer.alloc(8 * MIB)));
    },
    "/exact": (response) => void response.end("x".repeat(1_000)),
    "/large": (response) => void response.end("x".repeat(1_001)),
    "/streamed": (response) => {
      response.write("x".repeat(999));
      response.end("xx");
    },
    "/endless": (response) => {
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(16_384)));
      };
      response.on("drain", more);
      more();
    },
    "/drip": (response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write("."), 20);
      response.on("close", () => clearInterval(timer));
    },
    "/silent": () => undefined,
    "/later": (response) => void setTimeout(() => response.end("late"), 150),
    "/one": to(301, () => "two"),
    "/two": to(302, () => "/three?x=y"),
    "/three": to(307, () => `http://WEB.example.:${web.port}/dump`),
    "/see": to(303, () => "/dump"),
    "/loop": to(302, () => "/loop"),
    "/wide": to(302, () => `http://evil.example/`),
    "/path": to(302, () => `http://narrow.example:${web.port}/closed`),
    "/metadata": to(302, () => "http://169.254.169.254/latest/meta-data/"),
    "/metadata-name": to(302, () => `http://inside.example:${web.port}/latest`),
    "/metadata-odd": to(302, () => "http://0xa9fea9fe/latest"),
    "/self": to(302, () => `http://127.0.0.1:${sidecar.adminPort}/status`),
    "/forward": to(302, () => `http://localhost:${sidecar.agentPort}/v1/models`),
    "/file": to(302, () => "file:///etc/passwd"),
    "/user": to(302, () => "http://web.example@other.example/"),
    "/across": to(307, () => `http://other.example:${other.port}/dump`),
    "/back": to(302, () => `http://other.example:${other.port}/home`),
    "/nowhere": (response) => void response.writeHead(302).end("where?"),
    "/again": to(302, () => `http://rebind.example:${web.port}/dump`),
  });
  const script: Record<string, DnsScript> = {
    "A rebind.example": {
      ttl: 0,
      get addresses() {
        return [(rebind.length > 1 ? rebind.shift() : rebind[0]) ?? ""];
      },
    },
    "AAAA rebind.example": { addresses: [], ttl: 0 },
    "A inside.example": { addresses: ["169.254.169.254"] },
    "AAAA inside.example": { addresses: ["fd00:ec2::254"] },
  };
  dns = await fakeDns(script);
  const names = [
    "web",
    "other",
    "tls",
    "plain-tls",
    "wrong-tls",
    "narrow",
    "raw",
    "small",
    "fielded",
    "gone",
    "governed",
  ];
  const at = (origin: { readonly port: number }): string => `addresses: ["127.0.0.1:${origin.port}"]`;
  const any = 'http: { methods: [GET, HEAD, POST, PUT, DELETE], paths: ["/**"] }';
  const allow = [
    `{ id: web, hosts: [web.example, rebind.example, inside.example, governed.example], ports: [${web.port}], ${at(web)}, protocol: http, ${any} }`,
    `{ id: other, hosts: [other.example], ports: [${other.port}], ${at(other)}, protocol: http, ${any} }`,
    `{ id: narrow, hosts: [narrow.example], ports: [${web.port}], ${at(web)}, protocol: http, http: { methods: [GET], paths: ["/open/**"] } }`,
    `{ id: small, hosts: [small.example], ports: [${web.port}], ${at(web)}, protocol: http, http: { methods: [GET, POST], paths: ["/**"], bodyBytes: 8 }, limits: { bytesIn: 100 } }`,
    `{ id: fielded, hosts: [fielded.example], ports: [${web.port}], ${at(web)}, protocol: http, http: { methods: [GET], paths: ["/**"], headers: [{ name: x-version, values: ["1", "2"] }] } }`,
    `{ id: raw, hosts: [raw.example], ports: [${raw.port}], ${at(raw)}, protocol: http, ${any} }`,
    `{ id: gone, hosts: [gone.example], ports: [1], addresses: ["127.0.0.1:1"], protocol: http, ${any} }`,
    `{ id: unresolved, hosts: [unresolved.example], ports: [80], protocol: http, ${any} }`,
    `{ id: inspected, hosts: [tls.example], ports: [${tls.port}], ${at(tls)}, inspect: true, http: { methods: [GET], paths: ["/**"] }, inject: [{ header: authorization, secret: token, prefix: "Bearer " }] }`,
    `{ id: opaque, hosts: [plain-tls.example, wrong-tls.example], ports: [${tls.port}], ${at(tls)} }`,
  ];
  sidecar = await startSidecar({
    allow,
    secrets: { token: `${SECRET}\n` },
    governance: [
      "delegate: [egress, inference]",
      "rules:",
      "  - { id: no-governed, effect: deny, actions: [egress], when: { host: { names: [governed.example] } } }",
    ],
    settings: [
      `resolver: { servers: ["${dns.server}"], timeout: 2s, hosts: { ${names.map((name) => `${name}.example: ["127.0.0.1"]`).join(", ")} } }`,
      `inspection: { caFile: ${join(directory, "roots.pem")} }`,
      "fetch: { answerBytes: 1Mi, requestBytes: 64Ki, redirects: 4, timeout: 5s, concurrent: 3 }",
      "limits: { connectTimeout: 2s, drain: 500ms }",
    ],
  });
});

after(async () => {
  for (const part of [sidecar, web, other, tls, raw]) await part?.[Symbol.asyncDispose]();
  await dns?.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Told {
  readonly status: number;
  readonly reason: string | null;
  readonly answer: {
    readonly status: number;
    readonly url: string;
    readonly headers: readonly (readonly [string, string])[];
    readonly body?: string;
    readonly bodyBase64?: string;
    readonly truncated: boolean;
    readonly redirects: readonly { readonly status: number; readonly url: string; readonly requestId: string }[];
    readonly error?: {
      readonly type: string;
      readonly code: string;
      readonly message: string;
      readonly request_id: string;
      readonly rule: string | null;
      readonly how_to_request: string;
    };
  };
  readonly millis: number;
}

async function ask(members: unknown, there: Sidecar = sidecar): Promise<Told> {
  const began = performance.now();
  const response = await fetch(`http://127.0.0.1:${there.agentPort}/egress/v1/fetch`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof members === "string" ? members : JSON.stringify(members),
  });
  const answer = (await response.json()) as Told["answer"];
  const { status, headers } = response;
  return { status, reason: headers.get("sluice-reason"), answer, millis: performance.now() - began };
}

const webUrl = (path: string, host = "web"): string => `http://${host}.example:${web.port}${path}`;

async function seenBy(members: Readonly<Record<string, unknown>>): Promise<SeenRequest> {
  const { status, answer } = await ask(members);
  assert.equal(status, 200, JSON.stringify(answer));
  return JSON.parse(answer.body ?? "") as SeenRequest;
}

async function until(what: string, holds: () => boolean, within = 5_000): Promise<void> {
  const deadline = Date.now() + within;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `still waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("answers", () => {
  test("status, URL, fields in order with those that come twice, and text", async () => {
    const { status, reason, answer } = await ask({ url: webUrl("/text") });
    assert.deepEqual([status, reason], [200, null]);
    assert.deepEqual([answer.status, answer.url, answer.body], [200, webUrl("/text"), "gr\u00fc\u00df dich"]);
    assert.deepEqual([answer.truncated, answer.redirects], [false, []]);
    const cookies = answer.headers.filter(([name]) => name === "set-cookie");
    assert.deepEqual(
      cookies.map(([, value]) => value),
      ["a=b", "c=d"],
    );
    assert.ok(answer.headers.every(([name]) => name !== "connection" && name !== "keep-alive"));
  });

  const rows: readonly (readonly [what: string, members: object, expected: readonly unknown[]])[] = [
    ["an error of the origin is an answer", { path: "/bad" }, [500, "my fault"]],
    ["its refusal is none of ours", { path: "/no" }, [403, "not you"]],
    ["204", { path: "/none" }, [204, ""]],
    ["304", { path: "/same" }, [304, ""]],
    ["HEAD", { path: "/large", method: "HEAD" }, [200, ""]],
    ["what is not there", { path: "/nothing" }, [404, "no such thing"]],
    ["a redirect to nowhere", { path: "/nowhere" }, [302, "where?"]],
    ["exactly as much as may be", { path: "/exact", answerBytes: 1_000 }, [200, "x".repeat(1_000)]],
    ["the same in pieces", { path: "/streamed", answerBytes: 1_001 }, [200, "x".repeat(1_001)]],
  ];
  for (const [what, { path, ...members }, expected] of rows as readonly [string, { path: string }, unknown[]][]) {
    test(what, async () => {
      const { status, answer } = await ask({ url: webUrl(path), ...members });
      assert.deepEqual([status, answer.status, answer.body], [200, ...expected]);
    });
  }

  test("octets are base64, and what is compressed stays so", async () => {
    assert.equal((await ask({ url: webUrl("/binary") })).answer.bodyBase64, "AAH//g==");
    const { answer } = await ask({ url: webUrl("/bomb"), answerBytes: 65_536 });
    const octets = Buffer.from(answer.bodyBase64 ?? "", "base64");
    assert.deepEqual(octets, gzipSync(Buffer.alloc(8 * MIB)));
  });

  test("the origin gets what was asked for, and nothing of the agent's connection", async () => {
    const seen = await seenBy({
      url: webUrl("/dump?a=b%20c"),
      method: "POST",
      headers: { Authorization: "Bearer mine", "Content-Type": "text/plain", "X-Two": "2" },
      body: "\u00fc",
    });
    assert.deepEqual([seen.method, seen.url, seen.body], ["POST", "/dump?a=b%20c", "\u00c3\u00bc"]);
    assert.equal(seen.headers.host, `web.example:${web.port}`);
    const names = "accept accept-encoding authorization connection content-length content-type host user-agent x-two";
    assert.equal(seen.names.toSorted().join(" "), names);
    assert.equal(seen.headers["accept-encoding"], "identity");
    assert.equal((await seenBy({ url: webUrl("/dump"), method: "PUT", bodyBase64: "AP8=" })).body, "\0\u00ff");
  });

  test("one connection carries one after the other", async () => {
    const body = JSON.stringify({ url: webUrl("/text") });
    const one = `POST /egress/v1/fetch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const both = /"status":200[^]*"status":200/;
    const { text } = await rawRequest(sidecar.agentPort, one + one, { quiet: 5_000, until: both });
    assert.equal(text.match(/HTTP\/1\.1 200 OK\r/g)?.length, 2);
    assert.equal(text.match(/"status":200/g)?.length, 2);
  });

  test("the record of a fetch is that of a request, with its status", async () => {
    await ask({ url: webUrl("/bad") });
    const end = await auditRecord(
      sidecar.auditDirectory,
      ({ kind, detail }) => kind === "egress.end" && detail["status"] === 500,
    );
    assert.deepEqual([end.action, end.target, end.rule], ["http.GET", `web.example:${web.port}`, "web"]);
  });
});

describe("refusals", () => {
  const rows: readonly (readonly [what: string, members: () => object, status: number, reason: string])[] = [
    ["a host of no rule", () => ({ url: "http://evil.example/" }), 403, "host_not_allowed"],
    ["another port", () => ({ url: "http://web.example/" }), 403, "port_not_allowed"],
    ["another method", () => ({ url: webUrl("/dump"), method: "PATCH" }), 403, "method_not_allowed"],
    ["another path", () => ({ url: webUrl("/closed", "narrow") }), 403, "path_not_allowed"],
    ["https where the rule is http", () => ({ url: `https://web.example:${web.port}/` }), 403, "method_not_allowed"],
    ["metadata", () => ({ url: "http://169.254.169.254/latest/" }), 403, "host_not_allowed"],
    ["a name of metadata", () => ({ url: webUrl("/", "inside") }), 403, "address_not_allowed"],
    ["an address in another spelling", () => ({ url: "http://0251.0376.0251.0376/" }), 400, "malformed_request"],
    ["itself", () => ({ url: `http://127.0.0.1:${sidecar.adminPort}/status` }), 403, "port_not_allowed"],
    ["a name that leads nowhere", () => ({ url: "http://unresolved.example/" }), 502, "dns_failure"],
    ["nobody there", () => ({ url: "http://gone.example:1/" }), 502, "upstream_unreachable"],
    ["what governance refuses", () => ({ url: webUrl("/dump", "governed") }), 403, "governance_denied"],
    [
      "a body that the rule finds too long",
      () => ({ url: webUrl("/dump", "small"), method: "POST", body: "123456789" }),
      413,
      "request_too_large",
    ],
    ["an answer that the rule finds too long", () => ({ url: webUrl("/large", "small") }), 429, "byte_limit"],
    ["a field that the rule asks for", () => ({ url: webUrl("/dump", "fielded") }), 403, "denied_by_rule"],
    [
      "a field of another value",
      () => ({ url: webUrl("/dump", "fielded"), headers: { "X-Version": "3" } }),
      403,
      "denied_by_rule",
    ],
    ["an answer one octet too long", () => ({ url: webUrl("/large"), answerBytes: 1_000 }), 429, "byte_limit"],
    ["one that does not say so", () => ({ url: webUrl("/streamed"), answerBytes: 1_000 }), 429, "byte_limit"],
    ["an endless answer", () => ({ url: webUrl("/endless") }), 429, "byte_limit"],
    ["an answer that drips", () => ({ url: webUrl("/drip"), timeoutMs: 300 }), 429, "lifetime_limit"],
    ["no answer", () => ({ url: webUrl("/silent"), timeoutMs: 300 }), 429, "lifetime_limit"],
    [
      "a certificate for another name",
      () => ({ url: `https://wrong-tls.example:${tls.port}/dump` }),
      502,
      "upstream_invalid",
    ],
    ["http where TLS is spoken", () => ({ url: `http://plain-tls.example:${tls.port}/` }), 403, "not_tls"],
  ];
  for (const [what, members, status, reason] of rows) {
    test(`${what}: ${reason}`, async () => {
      const told = await ask(members());
      assert.deepEqual([told.reason, told.status], [reason, status], JSON.stringify(told.answer));
      const { error } = told.answer;
      assert.deepEqual([error?.type, error?.code], ["egress_denied", reason]);
      assert.ok(told.millis < 4_000, `it took ${told.millis} ms`);
      assert.equal("body" in told.answer || "bodyBase64" in told.answer, false, "nothing half");
    });
  }

  test("a field that the rule asks for lets it pass", async () => {
    assert.equal((await ask({ url: webUrl("/dump", "fielded"), headers: { "X-Version": "2" } })).status, 200);
  });

  test("a refused host is not looked up, and is on record with its reason", async () => {
    const asked = dns.questions.length;
    const { answer } = await ask({ url: "http://never.example/x?secret=1" });
    assert.equal(dns.questions.length, asked);
    const record = await auditRecord(sidecar.auditDirectory, ({ request }) => request === answer.error?.request_id);
    assert.deepEqual([record.decision, record.reason, record.target], ["deny", "host_not_allowed", "never.example:80"]);
    assert.doesNotMatch(JSON.stringify(record), /secret=1/);
  });

  const bodies: readonly (readonly [what: string, body: string, status: number, reason: string])[] = [
    ["nothing", "", 400, "malformed_request"],
    ["no JSON", "url=http://web.example", 400, "malformed_request"],
    ["a list", "[]", 400, "malformed_request"],
    ["an unknown member", '{"url":"http://web.example/","proxy":"x"}', 400, "malformed_request"],
    ["a member twice", '{"url":"http://web.example/","url":"http://evil.example/"}', 400, "malformed_request"],
    ["a member that differs in case", '{"url":"http://web.example/","URL":"x"}', 400, "malformed_request"],
    ["a header twice", '{"url":"http://web.example/","headers":{"a":"b","a":"c"}}', 400, "malformed_request"],
    ["no URL", "{}", 400, "malformed_request"],
    [
      "a body that is too long",
      JSON.stringify({ url: "http://web.example/", method: "POST", body: "x".repeat(65_537) }),
      413,
      "request_too_large",
    ],
    ["a question that is too long", `{"url":"${"x".repeat(400_000)}"}`, 413, "request_too_large"],
  ];
  for (const [what, body, status, reason] of bodies) {
    test(`a question of ${what}`, async () => {
      const told = await ask(body);
      assert.deepEqual([told.status, told.reason, told.answer.error?.code], [status, reason, reason]);
    });
  }

  test("a question by another method, or of another type", async () => {
    const at = `http://127.0.0.1:${sidecar.agentPort}/egress/v1/fetch`;
    const got = await fetch(at);
    assert.deepEqual(
      [got.status, got.headers.get("allow"), got.headers.get("sluice-reason")],
      [405, "POST", "method_not_allowed"],
    );
    const text = await fetch(at, { method: "POST", body: JSON.stringify({ url: webUrl("/text") }) });
    assert.deepEqual([text.status, text.headers.get("sluice-reason")], [415, "malformed_request"]);
    assert.equal((await fetch(`${at}/x`, { method: "POST" })).status, 404);
  });
});

describe("INV-FETCH-JUDGED: redirects", () => {
  test("each is followed, and told", async () => {
    web.clear();
    const { answer } = await ask({ url: webUrl("/one") });
    assert.deepEqual(
      answer.redirects.map(({ status, url }) => [status, url]),
      [
        [301, webUrl("/one")],
        [302, webUrl("/two")],
        [307, webUrl("/three?x=y")],
      ],
    );
    assert.deepEqual([answer.status, answer.url], [200, webUrl("/dump")]);
    assert.deepEqual(
      web.seen.map(({ url }) => url),
      ["/one", "/two", "/three?x=y", "/dump"],
    );
    for (const { requestId } of answer.redirects) {
      const record = await auditRecord(
        sidecar.auditDirectory,
        ({ request, kind }) => request === requestId && kind === "egress.decision",
      );
      assert.equal(record.decision, "allow", "judged by itself");
    }
  });

  test("none is followed where none is asked for", async () => {
    const { answer } = await ask({ url: webUrl("/metadata"), redirects: 0 });
    assert.deepEqual([answer.status, answer.body], [302, "moved"]);
    assert.deepEqual(
      answer.headers.find(([name]) => name === "location"),
      ["location", "http://169.254.169.254/latest/meta-data/"],
    );
  });

  const rows: readonly (readonly [path: string, status: number, reason: string, message: RegExp])[] = [
    ["/metadata", 403, "host_not_allowed", /Redirect 1 leads there/],
    ["/metadata-name", 403, "address_not_allowed", /Redirect 1 leads there/],
    ["/metadata-odd", 502, "upstream_invalid", /cannot be fetched/],
    ["/self", 403, "port_not_allowed", /Redirect 1/],
    ["/forward", 403, "host_not_allowed", /Redirect 1/],
    ["/wide", 403, "host_not_allowed", /Redirect 1/],
    ["/path", 403, "path_not_allowed", /Redirect 1/],
    ["/file", 502, "upstream_invalid", /http or https/],
    ["/user", 502, "upstream_invalid", /User information/],
    ["/loop", 502, "upstream_invalid", /Redirect 4.*|more often/],
  ];
  for (const [path, status, reason, message] of rows) {
    test(`${path}: ${reason}`, async () => {
      web.clear();
      const told = await ask({ url: webUrl(path) });
      assert.deepEqual([told.status, told.reason], [status, reason]);
      assert.match(told.answer.error?.message ?? "", message);
      assert.doesNotMatch(JSON.stringify(told.answer), /moved|169\.254|passwd/);
      assert.equal(web.seen.length, path === "/loop" ? 5 : 1);
    });
  }

  test("from https to http none is followed", async () => {
    const told = await ask({ url: `https://plain-tls.example:${tls.port}/down` });
    assert.deepEqual([told.status, told.reason], [502, "upstream_invalid"]);
    assert.match(told.answer.error?.message ?? "", /from https to http/);
  });

  test("INV-FETCH-CREDENTIAL: to another origin goes no credential, and none when it leads back", async () => {
    const headers = { Authorization: "Bearer mine", Cookie: "a=b", "X-Api-Key": "k", Accept: "text/x" };
    const away = await seenBy({ url: webUrl("/across"), method: "POST", headers, body: "kept" });
    assert.deepEqual([away.method, away.body, away.headers.accept], ["POST", "kept", "text/x"]);
    assert.deepEqual(
      away.names.filter((name) => /auth|cookie|key/.test(name)),
      [],
    );
    const back = await seenBy({ url: webUrl("/back"), headers });
    assert.equal(back.headers.host, `web.example:${web.port}`);
    assert.deepEqual(
      back.names.filter((name) => /auth|cookie|key/.test(name)),
      [],
    );
    const stays = await seenBy({ url: webUrl("/one"), headers });
    assert.equal(stays.headers.authorization, "Bearer mine");
  });

  test("303 makes a GET of a POST, without its content", async () => {
    const seen = await seenBy({ url: webUrl("/see"), method: "POST", headers: { "Content-Type": "a/b" }, body: "x" });
    assert.deepEqual([seen.method, seen.body, seen.headers["content-type"]], ["GET", "", undefined]);
  });
});

describe("a name that leads elsewhere the next time", () => {
  test("INV-FETCH-JUDGED: it is looked up once, and what that said is dialled", async () => {
    rebind = ["127.0.0.1", "169.254.169.254"];
    const asked = dns.questions.length;
    const { status } = await ask({ url: webUrl("/dump", "rebind") });
    assert.equal(status, 200);
    assert.deepEqual(dns.questions.slice(asked).filter((question) => question.includes(" A ")).length, 1);
  });

  test("behind a redirect it is judged anew", async () => {
    rebind = ["169.254.169.254"];
    const told = await ask({ url: webUrl("/again") });
    assert.deepEqual([told.status, told.reason], [403, "address_not_allowed"]);
  });
});

describe("TLS, and what a rule injects", () => {
  const inspected = (path: string): string => `https://tls.example:${tls.port}${path}`;

  test("the certificate is verified, and an opaque rule suffices", async () => {
    const seen = await seenBy({
      url: `https://plain-tls.example:${tls.port}/dump`,
      headers: { Authorization: "mine" },
    });
    assert.deepEqual([seen.headers.host, seen.headers.authorization], [`plain-tls.example:${tls.port}`, "mine"]);
  });

  test("INV-FETCH-CREDENTIAL: the secret stands in the place of what the agent sent, and does not come back", async () => {
    tls.clear();
    const told = await ask({ url: inspected("/echo"), headers: { Authorization: "mine" } });
    assert.deepEqual(
      tls.seen.map(({ headers }) => headers.authorization),
      [`Bearer ${SECRET}`],
    );
    assert.deepEqual([told.status, told.reason], [502, "upstream_invalid"]);
    assert.match(told.answer.error?.message ?? "", /what was injected/);
    assert.doesNotMatch(JSON.stringify(told.answer), /0123456789/);
  });

  test("an answer without it passes, but for the fields that hold it", async () => {
    const { answer } = await ask({ url: inspected("/seen"), headers: { Authorization: "mine" } });
    assert.deepEqual([answer.status, answer.body], [200, "fine"]);
    assert.deepEqual(
      answer.headers.filter(([name]) => name.startsWith("x-")),
      [["x-plain", "plain"]],
    );
  });

  test("it goes to no other origin", async () => {
    const seen = await seenBy({ url: inspected("/away") });
    assert.deepEqual([seen.headers.host, seen.headers.authorization], [`plain-tls.example:${tls.port}`, undefined]);
  });

  test("nor in a Location: it is not followed, and not shown", async () => {
    tls.clear();
    for (const redirects of [4, 0]) {
      const { answer } = await ask({ url: inspected("/leak"), redirects });
      assert.deepEqual([answer.status, answer.body], [302, "moved"]);
      assert.ok(answer.headers.every(([name]) => name !== "location"));
    }
    assert.equal(tls.seen.length, 2);
  });

  test("nor in parts, nor compressed", async () => {
    tls.clear();
    await ask({ url: inspected("/seen"), headers: { Range: "bytes=0-3", "If-Range": "x" } });
    assert.deepEqual(
      tls.seen.flatMap(({ names }) => names).filter((name) => name.includes("range")),
      [],
    );
    for (const path of ["/zipped", "/messages", "/part", "/said-part", "/parts"]) {
      assert.equal((await ask({ url: inspected(path) })).reason, "upstream_invalid", path);
    }
  });
});

describe("INV-FETCH-WHOLE: a hostile origin", () => {
  const rows: readonly (readonly [what: string, serve: (socket: Socket) => void, reason: string])[] = [
    ["closes at once", (socket) => socket.destroy(), "upstream_unreachable"],
    ["resets at once", (socket) => socket.resetAndDestroy(), "upstream_unreachable"],
    [
      "closes behind the head",
      (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
      "upstream_invalid",
    ],
    [
      "ends chunks early",
      (socket) => socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
      "upstream_invalid",
    ],
    [
      "says two lengths",
      (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
      "upstream_invalid",
    ],
    [
      "switches protocols",
      (socket) => socket.end("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
      "upstream_invalid",
    ],
    ["speaks no HTTP", (socket) => socket.end("SSH-2.0-x\r\n"), "upstream_invalid"],
    [
      "says a length too large",
      (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
      "byte_limit",
    ],
    [
      "redirects twice at once",
      (socket) => socket.end("HTTP/1.1 302 X\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"),
      "upstream_invalid",
    ],
    [
      "puts a line end into a Location",
      (socket) => socket.end("HTTP/1.1 302 X\r\nLocation: /a\tb\r\nContent-Length: 0\r\n\r\n"),
      "upstream_invalid",
    ],
    [
      "endless interim answers",
      (socket) => socket.write("HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000)),
      "upstream_invalid",
    ],
    [
      "endless fields",
      (socket) => socket.write(`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(100_000)}`),
      "upstream_invalid",
    ],
  ];
  for (const [what, serve, reason] of rows) {
    test(`${what}: ${reason}`, async () => {
      next = (socket) => socket.once("data", () => serve(socket));
      const told = await ask({ url: `http://raw.example:${raw.port}/`, timeoutMs: 2_000 });
      assert.equal(told.reason, reason, JSON.stringify(told.answer));
      assert.equal("body" in told.answer, false);
    });
  }

  test("a second answer behind the first is nobody's", async () => {
    const answer = (text: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
    next = (socket) => socket.once("data", () => socket.write(answer("first") + answer("second")));
    for (let times = 0; times < 2; times += 1) {
      assert.equal((await ask({ url: `http://raw.example:${raw.port}/` })).answer.body, "first");
    }
  });
});

describe("how it ends from outside", () => {
  test("no connection to an origin outlives its request", async () => {
    await ask({ url: webUrl("/one") });
    await until("no connection", () => web.open.size === 0);
  });

  test("the agent leaves: the origin is let go", async () => {
    const body = JSON.stringify({ url: webUrl("/drip") });
    await until("an origin at rest", () => web.open.size === 0);
    const socket = connect(sidecar.agentPort, "127.0.0.1");
    socket.write(
      `POST /egress/v1/fetch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await until("a request at the origin", () => web.open.size === 1);
    socket.destroy();
    await until("the origin let go", () => web.open.size === 0, 3_500);
  });

  test("so many run at the same time, and no more; a place is free again at its end", async () => {
    const slow = Array.from({ length: 3 }, async () => ask({ url: webUrl("/silent"), timeoutMs: 2_000 }));
    await until("three at the origin", () => web.open.size === 3);
    const told = await ask({ url: webUrl("/text") });
    assert.deepEqual([told.status, told.reason], [429, "connection_limit"]);
    await Promise.all(slow);
    assert.equal((await ask({ url: webUrl("/text") })).status, 200);
  });

  test("it may not be there at all", async () => {
    await using without = await startSidecar({ allow: [], settings: ["fetch: { enabled: false }"] });
    assert.equal((await ask({ url: webUrl("/text") }, without)).status, 404);
  });

  test("its rule changes while its name is looked up: the address is judged by the new one", async () => {
    const slow = await fakeDns({
      "A slow.example": { addresses: ["127.0.0.1"], delayMillis: 2_500 },
      "AAAA slow.example": { addresses: [] },
    });
    const rule = (more: string): string =>
      `{ id: slow, hosts: [slow.example], ports: [${web.port}], ${more}protocol: http, http: { methods: [GET], paths: ["/**"] } }`;
    await using own = await startSidecar({
      allow: [rule(`addresses: ["127.0.0.1:${web.port}"], `)],
      settings: [`resolver: { servers: ["${slow.server}"], timeout: 10s }`],
    });
    web.clear();
    const asked = ask({ url: webUrl("/dump", "slow") }, own);
    await until("a question", () => slow.questions.length > 0);
    own.publish([rule("")]);
    assert.deepEqual(await asked.then(({ status, reason }) => [status, reason]), [403, "address_not_allowed"]);
    assert.equal(web.seen.length, 0);
    assert.equal(policies(own), 2, "it was changed in time");
    await slow.close();
  });

  test("its rule goes: it ends with the reason; the router drains: it may end first, and is cut then", async () => {
    const rule = `{ id: web, hosts: [web.example], ports: [${web.port}], addresses: ["127.0.0.1:${web.port}"], protocol: http, http: { methods: [GET], paths: ["/**"] } }`;
    await using own = await startSidecar({
      allow: [rule],
      hosts: { "web.example": ["127.0.0.1"] },
      settings: ["limits: { drain: 1500ms }"],
    });
    await until("an origin at rest", () => web.open.size === 0);
    const lost = ask({ url: webUrl("/drip") }, own);
    await until("a request at the origin", () => web.open.size === 1);
    own.publish([]);
    assert.deepEqual(await lost.then(({ status, reason }) => [status, reason]), [403, "host_not_allowed"]);
    own.publish([rule]);
    await until("the rule again", () => /./.test(own.output()) && policies(own) >= 3);
    const ends = ask({ url: webUrl("/later") }, own);
    const cut = ask({ url: webUrl("/drip") }, own);
    await until("two at the origin", () => web.open.size === 2);
    own.child.kill("SIGTERM");
    assert.equal((await ends).answer.body, "late");
    assert.deepEqual(await cut.then(({ status, reason }) => [status, reason]), [503, "draining"]);
    await own.exited();
    const records = auditRecords(own.auditDirectory).filter(({ kind }) => kind === "egress.end");
    assert.deepEqual(
      records.map(({ reason }) => reason),
      ["host_not_allowed", null, "draining"],
    );
    await until("the origin let go", () => web.open.size === 0);
  });
});

function policies(of: Sidecar): number {
  return auditRecords(of.auditDirectory).filter(({ kind }) => kind === "policy.load").length;
}
