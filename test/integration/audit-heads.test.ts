import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { attest } from "../../cli/attest.ts";
import { auditVerify } from "../../cli/audit-verify.ts";
import { redactedText } from "../../router/edge/audit/redactor.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { auditRecord, auditRecords } from "../fakes/audit-records.ts";
import { type Origin, tcpOrigin } from "../fakes/origins.ts";
import { rawRequest } from "../fakes/raw-client.ts";
import { type Sidecar, startSidecar } from "../fakes/sidecar.ts";
import { startWitness } from "../fakes/witness-process.ts";

let origin: Origin;
before(async () => {
  origin = await tcpOrigin((socket) => socket.on("data", (chunk: Buffer) => socket.write(chunk)));
});
after(() => origin[Symbol.asyncDispose]());

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-heads-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function say(
  verb: typeof auditVerify | typeof attest,
  cwd: string,
  ...argv: readonly string[]
): Promise<{ exit: number; out: string }> {
  let out = "";
  const write = (text: string): void => void (out += text);
  const exit = await verb(argv, { stdout: write, stderr: write, cwd, now: () => epochMillis(Date.now()) });
  return { exit, out };
}

const start = (directory: string, audit: readonly string[]): Promise<Sidecar> =>
  startSidecar({
    directory,
    audit,
    settings: ["limits: { drain: 200ms }"],
    allow: [
      `{ id: a, hosts: [a.example], ports: [${origin.port}], addresses: ["127.0.0.1:${origin.port}"], protocol: tcp }`,
    ],
    hosts: { "a.example": ["127.0.0.1"] },
  });

async function connect(port: number, count: number, fields = ""): Promise<void> {
  const head = `CONNECT a.example:${origin.port} HTTP/1.1\r\nHost: a.example:${origin.port}\r\n${fields}\r\n`;
  for (let index = 0; index < count; index += 1) {
    const answer = await rawRequest(port, head, { until: /\r\n\r\n/, quiet: 3_000 });
    assert.match(answer.text, /^HTTP\/1.1 200/);
  }
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`it never came to be that ${what}`);
}

interface Status {
  readonly audit: {
    readonly records: number;
    readonly key: string;
    readonly checkpoint: { readonly size: number };
    readonly witnesses: readonly { readonly cosignedSize: number; readonly problem?: string }[];
  };
}

async function status({ adminPort }: Sidecar): Promise<Status> {
  return (await (await fetch(`http://127.0.0.1:${adminPort}/status`)).json()) as Status;
}

const cosignedNote = (directory: string): string =>
  join(directory, readdirSync(directory).find((name) => name.endsWith(".cosigned.note")) ?? "none");

test("INV-AUDIT-WITNESS: heads are cosigned, survive kill -9 of both, and show every record taken away", async (t) => {
  const directory = scratch(t);
  let witness = await startWitness(join(directory, "witness"));
  t.after(() => witness[Symbol.asyncDispose]());
  const { address, key } = witness;
  const kept = join(directory, "elsewhere.note");
  const audit = [
    `checkpoint: { interval: 50ms, files: [${kept}], witnesses: [{ url: "http://${address}", key: "${key}" }] }`,
  ];
  const first = await start(directory, audit);
  t.after(() => first[Symbol.asyncDispose]());
  const log = first.auditDirectory;
  await connect(first.port, 5);
  await until("everything is cosigned", async () => {
    const { audit: now } = await status(first);
    return now.records >= 7 && now.witnesses[0]?.cosignedSize === now.records + 1;
  });
  assert.ok(witness.lines.length > 0);

  // The witness is gone for a while: the sidecar says so, works on, and catches up with a proof.
  witness.child.kill("SIGKILL");
  await until("it is gone", () => witness.child.signalCode !== null);
  await connect(first.port, 3);
  const readyz = async (): Promise<string> =>
    await (await fetch(`http://127.0.0.1:${first.adminPort}/readyz?verbose`)).text();
  await until("the sidecar says so", async () => (await readyz()).includes("[!]audit degraded: sluice.dev/witness"));
  witness = await startWitness(join(directory, "witness"), address);
  assert.equal(witness.key, key);
  await until("it has caught up", async () => {
    const { audit: now } = await status(first);
    const isCosigned = now.witnesses[0]?.cosignedSize === now.records + 1 && (await readyz()).includes("[+]audit ok");
    // The size is the note's second line; the file follows what the status says.
    return isCosigned && readFileSync(cosignedNote(log), "utf8").split("\n")[1] === String(now.records + 1);
  });

  first.child.kill("SIGKILL");
  await first.exited();
  const cosigned = cosignedNote(log);
  const anchored = await say(auditVerify, directory, log, "--anchor", cosigned, "--key", key);
  assert.equal(anchored.exit, 0, anchored.out);
  assert.match(anchored.out, /signed with a key that you named\n\s+nothing is behind the anchor/);
  const fromStdout = join(directory, "stdout.log");
  writeFileSync(fromStdout, first.output());
  assert.equal((await say(auditVerify, directory, log, "--anchor", fromStdout)).exit, 0);
  assert.equal((await say(auditVerify, directory, log, "--anchor", kept)).exit, 0);

  // The next start is another log with another key, whose first record vouches for the first; a clean stop is signed too.
  const old = join(directory, "old");
  cpSync(log, old, { recursive: true });
  // The fake signs a policy of its own for each start: its marks must not stand in the way.
  rmSync(join(directory, "state"), { recursive: true });
  const second = await start(directory, audit);
  t.after(() => second[Symbol.asyncDispose]());
  await connect(second.port, 2);
  second.child.kill("SIGTERM");
  assert.equal(await second.exited(), 0);
  assert.equal(auditRecords(log).at(-1)?.kind, "stop");
  const both = await say(auditVerify, directory, log, "--anchor", kept, "--key", key, "--anchor", cosigned);
  assert.equal(both.exit, 0, both.out);
  assert.match(
    both.out,
    /chained only: \d+ records behind the anchor/,
    "the file has no signature of the witness on it",
  );
  const stopped = await say(auditVerify, directory, log, "--anchor", kept);
  assert.equal(stopped.exit, 0, stopped.out);
  assert.match(stopped.out, /2 starts[^]*nothing is behind the anchor/);
  const rolledBack = await say(auditVerify, directory, old, "--anchor", kept);
  assert.equal(rolledBack.exit, 3, rolledBack.out);
});

test("trap 1.4: INV-AUDIT-ATTEST: what runs is attested with the log's key, and checked against the log", async (t) => {
  const directory = scratch(t);
  const sidecar = await start(directory, ["checkpoint: { interval: 20ms }"]);
  t.after(() => sidecar[Symbol.asyncDispose]());
  await connect(sidecar.port, 2);
  const { key } = (await status(sidecar)).audit;
  const bundle = join(directory, "run.sigstore.json");
  const fetched = await say(attest, directory, "--from", `http://127.0.0.1:${sidecar.adminPort}`, "--out", bundle);
  assert.equal(fetched.exit, 0, fetched.out);
  const policy = join(sidecar.policyDirectory, "egress.yaml");
  const pinned = ["--verify", bundle, "--key", key, "--policy", policy, "--audit", sidecar.auditDirectory];
  const verified = await say(attest, directory, ...pinned);
  assert.equal(verified.exit, 0, verified.out);
  assert.equal((await say(attest, directory, "--verify", bundle)).exit, 4, "nobody pinned the key");
  const otherPolicy = join(directory, "router.yaml");
  assert.equal((await say(attest, directory, "--verify", bundle, "--key", key, "--policy", otherPolicy)).exit, 1);
  const text = readFileSync(bundle, "utf8");
  const payload = /"payload":"([^"]+)"/.exec(text)?.[1] ?? "";
  const altered = Buffer.from(payload, "base64").toString().replace('"agent-1"', '"agent-2"');
  writeFileSync(bundle, text.replace(payload, Buffer.from(altered).toString("base64")));
  assert.equal((await say(attest, directory, "--verify", bundle, "--key", key)).exit, 1);
});

test("INV-AUDIT-NO-SECRETS: no credential and no content reaches the audit log or the sidecar's own; the trace does", async (t) => {
  const directory = scratch(t);
  const sidecar = await start(directory, []);
  t.after(() => sidecar[Symbol.asyncDispose]());
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const secrets = ["s3cr3t-proxy", "s3cr3t-auth", "s3cr3t-cookie", "s3cr3t-query", "s3cr3t-body", "s3cr3t-key"];
  const fields = [
    "Proxy-Authorization: Basic s3cr3t-proxy",
    "Authorization: Bearer s3cr3t-auth",
    "Cookie: id=s3cr3t-cookie",
    "X-Api-Key: s3cr3t-key",
    `traceparent: 00-${trace}-00f067aa0ba902b7-01`,
  ];
  await connect(sidecar.port, 1, fields.map((field) => `${field}\r\n`).join(""));
  const plain = [
    "POST http://b.example/p?key=s3cr3t-query HTTP/1.1",
    "Host: b.example",
    "Content-Length: 11",
    ...fields,
  ];
  await rawRequest(sidecar.port, `${plain.join("\r\n")}\r\n\r\ns3cr3t-body`, { until: /\r\n\r\n/, quiet: 3_000 });
  const tunnel = await auditRecord(sidecar.auditDirectory, ({ action }) => action === "connect");
  const post = await auditRecord(sidecar.auditDirectory, ({ action }) => action === "http.POST");
  for (const { detail } of [tunnel, post]) assert.equal(detail["trace"], trace);
  sidecar.child.kill("SIGTERM");
  await sidecar.exited();
  const texts = readdirSync(sidecar.auditDirectory).map((name) => join(sidecar.auditDirectory, name));
  const all = [sidecar.output(), ...texts.map((file) => readFileSync(file, "latin1"))].join("\n");
  for (const secret of secrets) assert.ok(!all.includes(secret), secret);
  assert.ok(sidecar.output().includes(trace) && existsSync(texts[0] ?? ""));
});

test("INV-AUDIT-HIDDEN: what is hidden is in clear neither in the audit log nor on standard output, and can be found again", async (t) => {
  const directory = scratch(t);
  const hmac = join(directory, "hmac");
  writeFileSync(hmac, "0123456789abcdef");
  const sidecar = await start(directory, [`redact: { fields: [target, detail.addresses], keyFile: ${hmac} }`]);
  t.after(() => sidecar[Symbol.asyncDispose]());
  await connect(sidecar.port, 1);
  const denied = "CONNECT secret-name.example:443 HTTP/1.1\r\nHost: secret-name.example:443\r\n\r\n";
  await rawRequest(sidecar.port, denied, { until: /\r\n\r\n/, quiet: 3_000 });
  const target = redactedText(`a.example:${origin.port}`, Buffer.from("0123456789abcdef"));
  const tunnel = await auditRecord(sidecar.auditDirectory, (record) => record.target === target);
  assert.deepEqual(tunnel.detail["addresses"], [redactedText("127.0.0.1", Buffer.from("0123456789abcdef"))]);
  sidecar.child.kill("SIGTERM");
  await sidecar.exited();
  assert.ok(sidecar.output().includes(target));
  const records = auditRecords(sidecar.auditDirectory).filter(({ kind }) => kind.startsWith("egress"));
  const lines = sidecar
    .output()
    .split("\n")
    .filter((line) => line.includes('"exchange"'));
  assert.ok(records.length >= 3 && lines.length >= 2);
  for (const text of [JSON.stringify(records), lines.join("\n")]) {
    for (const clear of ["a.example", "secret-name", "127.0.0.1"]) assert.ok(!text.includes(clear), clear);
  }
});
