import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { freePort } from "../fakes/ports.ts";
import { type ScriptedOrigin, scriptedOrigin } from "../fakes/scripted-origin.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { requirement } from "../require.ts";

/** Both clients as an agent has them, each call in a process of its own. */
const root = join(import.meta.dirname, "../..");
const python = requirement("python3", spawnSync("python3", ["--version"]).status === 0, "no python3");

const NODE = `
const { sluiceFetch } = await import(${JSON.stringify(join(root, "clients/typescript/sluice-fetch.ts"))});
for (const { router, url, options, octets } of JSON.parse(process.argv[1])) {
  const body = octets === undefined ? {} : { body: Uint8Array.from(octets) };
  const told = await sluiceFetch(url, { ...options, ...body }, { url: router, timeout: 2_500 });
  console.log(JSON.stringify(told.fetched ? { ...told, body: [...told.body] } : told));
}`;

const PYTHON = `
import dataclasses, json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(join(root, "clients/python"))})
from sluice_fetch import fetch
names = {"timeoutMs": "timeout_ms", "answerBytes": "answer_bytes"}
for asked in json.loads(sys.argv[1]):
    options = {names.get(name, name): value for name, value in asked.get("options", {}).items()}
    if "octets" in asked: options["body"] = bytes(asked["octets"])
    told = fetch(asked["url"], router=asked["router"], timeout=2.5, **options)
    value = dataclasses.asdict(told)
    if told: value["body"] = list(told.body)
    else: value["requestId"] = value.pop("request_id"); value["howToRequest"] = value.pop("how_to_request")
    print(json.dumps({"fetched": bool(told), **value}), flush=True)
`;

interface Call {
  readonly router: string;
  readonly url: string;
  readonly options?: object;
  readonly octets?: readonly number[];
}

async function call(
  program: string,
  args: readonly string[],
  calls: readonly Call[],
): Promise<Record<string, unknown>[]> {
  // A proxy of the environment must not be asked: here it would refuse the connection.
  const proxies = { HTTP_PROXY: "http://127.0.0.1:9", http_proxy: "http://127.0.0.1:9", NO_PROXY: "", no_proxy: "" };
  const child = spawn(program, [...args, JSON.stringify(calls)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...proxies },
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(child, "close");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A server that answers each connection with the same octets. */
async function answering(t: TestContext, answer: string): Promise<string> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    let seen = "";
    socket.on("data", (chunk: Buffer) => {
      seen += chunk.toString("latin1");
      if (/\r\n\r\n[^]/.test(seen) && answer !== "") socket.end(answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function http(status: number, body: unknown, more = ""): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n${more}Connection: close\r\n\r\n${text}`;
}

const good = { status: 200, url: "http://a.example/", headers: [], body: "x", truncated: false, redirects: [] };
const hostile: readonly (readonly [what: string, answer: string, reason: string])[] = [
  ["no JSON", http(200, "fetched"), "client/bad_answer"],
  ["a list", http(200, [good]), "client/bad_answer"],
  ["another status", http(500, good), "client/bad_answer"],
  ["no body", http(200, { ...good, body: undefined }), "client/bad_answer"],
  ["half a body", http(200, { ...good, truncated: true }), "client/bad_answer"],
  ["no word of whether it is whole", http(200, { ...good, truncated: undefined }), "client/bad_answer"],
  ["base64 that is none", http(200, { ...good, body: undefined, bodyBase64: "!" }), "client/bad_answer"],
  ["headers of another form", http(200, { ...good, headers: [["a"]] }), "client/bad_answer"],
  ["headers that are no list", http(200, { ...good, headers: { a: "b" } }), "client/bad_answer"],
  ["an answer beside an error", http(200, { ...good, error: { code: "draining" } }), "draining"],
  ["a body that is cut", http(200, good).slice(0, -3), "client/unreachable"],
  ["no HTTP", "fetched\r\n\r\n", "client/unreachable"],
  ["silence", "", "client/timeout"],
];

let sidecar: Sidecar;
let origin: ScriptedOrigin;
before(async () => {
  origin = await scriptedOrigin({
    "/echo": (response, { method, body }) =>
      void response.writeHead(418).end(Buffer.from(`${method} ${body}`, "latin1")),
    "/octets": (response) => void response.end(Buffer.from([0, 255])),
    "/on": (response) => void response.writeHead(302, { Location: "/echo" }).end(),
  });
  sidecar = await startSidecar({
    allow: [
      `{ id: web, hosts: [web.example], ports: [${origin.port}], addresses: ["127.0.0.1:${origin.port}"], protocol: http, http: { methods: [GET, POST], paths: ["/**"] } }`,
    ],
    hosts: { "web.example": ["127.0.0.1"] },
  });
});
after(async () => {
  await sidecar?.[Symbol.asyncDispose]();
  await origin?.[Symbol.asyncDispose]();
});

const clients: readonly (readonly [string, string, readonly string[], { readonly skip: string | false }])[] = [
  ["TypeScript", process.execPath, ["--input-type=module", "-e", NODE], { skip: false }],
  ["Python", "python3", ["-c", PYTHON], python],
];
for (const [name, program, args, options] of clients) {
  describe(`the ${name} client of fetch`, options, () => {
    test("of a hostile router nothing is taken for an answer", async (t) => {
      const calls: Call[] = [];
      for (const [, answer] of hostile) calls.push({ router: await answering(t, answer), url: "http://a.example/" });
      const elsewhere = await answering(t, http(200, good));
      const redirected = http(307, "", `Location: ${elsewhere}/egress/v1/fetch\r\n`);
      calls.push({ router: await answering(t, redirected), url: "http://a.example/" });
      calls.push({ router: `http://127.0.0.1:${await freePort()}`, url: "http://a.example/" });
      const told = await call(program, args, calls);
      assert.deepEqual(
        told.slice(0, hostile.length).map(({ reason }, at) => `${hostile[at]?.[0]}: ${String(reason)}`),
        hostile.map(([what, , reason]) => `${what}: ${reason}`),
      );
      assert.ok(told.every(({ fetched }) => fetched === false));
      assert.equal(told.length, calls.length);
      const good_ = await call(program, args, [
        { router: await answering(t, http(200, good)), url: "http://a.example/" },
      ]);
      assert.deepEqual([good_[0]?.["fetched"], good_[0]?.["body"]], [true, [0x78]]);
    });

    test("the router's answers and refusals", async () => {
      const router = `http://127.0.0.1:${sidecar.agentPort}`;
      const at = (path: string): string => `http://web.example:${origin.port}${path}`;
      const [echoed, octets, sent, on, stays, refused, malformed] = await call(program, args, [
        { router, url: at("/echo"), options: { method: "POST", body: "h\u00e9" } },
        { router, url: at("/octets") },
        { router, url: at("/echo"), options: { method: "POST" }, octets: [0xc3, 0x28] },
        { router, url: at("/on") },
        { router, url: at("/on"), options: { redirects: 0 } },
        { router, url: "http://evil.example/" },
        { router, url: "evil.example" },
      ]);
      const text = (told: Record<string, unknown> | undefined): string =>
        Buffer.from(told?.["body"] as number[]).toString("latin1");
      assert.deepEqual([echoed?.["status"], text(echoed)], [418, "POST h\u00c3\u00a9"]);
      assert.deepEqual(octets?.["body"], [0, 255]);
      assert.equal(text(sent), "POST \u00c3(");
      assert.deepEqual([on?.["url"], text(on)], [at("/echo"), "GET "]);
      const passed = on?.["redirects"] as { url: string }[] | undefined;
      assert.equal(passed?.[0]?.url, at("/on"));
      assert.equal(stays?.["status"], 302);
      assert.deepEqual([refused?.["fetched"], refused?.["reason"]], [false, "host_not_allowed"]);
      assert.match(String(refused?.["howToRequest"]), /policy/);
      assert.match(String(refused?.["requestId"]), /^[0-9a-f]{8}-/);
      assert.equal(malformed?.["reason"], "malformed_request");
    });
  });
}
