/** `sluice audit witness` as a process, and what may happen to it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { Agent, request } from "undici";
import { auditWitness } from "../../cli/audit-witness.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { parseAddCheckpointReply } from "../../router/core/tlog/add-checkpoint-reply.ts";
import { parseCheckpoint } from "../../router/core/tlog/checkpoint.ts";
import { formatSignedNote } from "../../router/core/tlog/signed-note.ts";
import { parseVerifierKey } from "../../router/core/tlog/verifier-key.ts";
import { cosignedAt, createSigner, sha256, signerFromPrivateKey } from "../../router/edge/audit/ed25519.ts";
import { WitnessedLogFake } from "../fakes/witnessed-log.ts";
import { requirement } from "../require.ts";
import { noteOf } from "../unit/core/tlog/note-fixture.ts";
import { scratch } from "../unit/edge/witness/witness-fixture.ts";

const PROGRAM = join(import.meta.dirname, "../../cli/sluice.ts");
/** More of them: `SLUICE_WITNESS_KILLS=100 npm test -- audit-witness`. */
const KILLS = Number(process.env["SLUICE_WITNESS_KILLS"] ?? "5");

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly key: string;
  readonly logs: number;
  readonly lines: string[];
}

async function start(t: TestContext, state: string, ...args: readonly string[]): Promise<Running> {
  const argv = [PROGRAM, "audit", "witness", "--listen", "127.0.0.1:0", "--state", state, ...args];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => void (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")));
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const [first] = (await once(reader, "line")) as [string];
  reader.on("line", (line: string) => lines.push(line));
  const { event, address, key, logs } = JSON.parse(first) as Record<string, string>;
  assert.equal(event, "start");
  return { child, url: `http://${address}/add-checkpoint`, key: key ?? "", logs: Number(logs), lines };
}

async function ended(running: Running, signal: NodeJS.Signals): Promise<number | null> {
  const closed = once(running.child, "close");
  running.child.kill(signal);
  return ((await closed) as [number | null])[0];
}

async function post(running: Running, body: string, headers: Record<string, string> = {}): Promise<string> {
  const reply = await request(running.url, { method: "POST", body, headers, headersTimeout: 10_000 });
  const text = await reply.body.text();
  const type = reply.headers["content-type"];
  const read = parseAddCheckpointReply(reply.statusCode, typeof type === "string" ? type : undefined, text);
  assert.ok(read.ok);
  const { value } = read;
  if (value.kind === "refused") return `${value.status}`;
  if (value.kind === "conflict") return `409 ${value.size}`;
  const key = parseVerifierKey(running.key, sha256);
  assert.ok(key !== undefined);
  const note = body.slice(body.indexOf("\n\n") + 2);
  const cosigned = formatSignedNote(noteOf(note).text, value.signatures);
  const age = Date.now() / 1000 - (cosignedAt(noteOf(cosigned), key) ?? 0);
  assert.ok(age > -1 && age < 60);
  return "200";
}

const log = new WitnessedLogFake("example.com/log");
const other = new WitnessedLogFake("example.com/other");

test("a witness over its life: cosigns, says so, ends with 0, and goes on where it was", async (t) => {
  const state = join(scratch(t), "made", "state");
  const shared = generateKeyPairSync("ed25519");
  const pem = join(scratch(t), "fleet.pem");
  writeFileSync(pem, shared.publicKey.export({ format: "pem", type: "spki" }));
  const args = [
    "--log",
    log.vkey,
    "--log-key",
    pem,
    "--origin-prefix",
    "fleet/",
    "--enroll",
    "pods/",
    "--name",
    "w.example/1",
  ];
  const first = await start(t, state, ...args);
  assert.match(first.key, /^w\.example\/1\+[0-9a-f]{8}\+B/);
  const fleet = new WitnessedLogFake("fleet/a", signerFromPrivateKey("fleet/a", shared.privateKey));
  const pod = new WitnessedLogFake("pods/a");
  const wrong = new WitnessedLogFake(log.origin, createSigner(log.origin));
  const rows: readonly [body: string, answer: string, offered?: string][] = [
    [log.request(0, 5), "200"],
    [log.request(5, 12), "200"],
    [log.request(0, 12), "409 12"],
    [log.forkAt(3).request(12, 12), "409 12"],
    [log.forkAt(3).request(12, 14), "422"],
    [wrong.request(12, 14), "403"],
    [other.request(0, 5), "404"],
    [log.request(12, 14).replaceAll("\n", "\r\n"), "400"],
    [fleet.request(0, 3), "200"],
    [pod.request(0, 3), "404"],
    [pod.request(0, 3), "200", pod.vkey],
    [pod.request(3, 4), "200"],
  ];
  for (const [body, answer, offered] of rows) {
    assert.equal(await post(first, body, offered === undefined ? {} : { "sluice-log-key": offered }), answer, body);
  }
  assert.equal(await ended(first, "SIGTERM"), 0);
  const decisions = first.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    decisions.map(({ status }) => status),
    rows.map(([, answer]) => Number(answer.slice(0, 3))),
  );
  const fork = decisions.find(({ reason }) => reason === "fork");
  const evidence = noteOf(Buffer.from(String(fork?.["evidence"]), "base64").toString());
  assert.equal(parseCheckpoint(evidence.text)?.root, log.forkAt(3).root(12));

  const second = await start(t, state, ...args);
  assert.deepEqual([second.key, second.logs], [first.key, 3]);
  assert.equal(await post(second, log.request(5, 12)), "409 12");
  assert.equal(await post(second, pod.request(4, 9)), "200");
  assert.equal(await ended(second, "SIGINT"), 0);
});

test(`INV-WITNESS-STATE: kill -9, ${KILLS} times: no head that was cosigned is ever taken back`, async (t) => {
  const state = scratch(t);
  let acknowledged = 0;
  let answered = 0;
  for (let round = 0; round < KILLS; round += 1) {
    const running = await start(t, state, "--log", log.vkey);
    const [file] = readdirSync(state).filter((name) => name.endsWith(".note"));
    let size =
      file === undefined ? 0 : (parseCheckpoint(noteOf(readFileSync(join(state, file), "utf8")).text)?.size ?? 0);
    assert.ok(size >= acknowledged, `${size} is on the disk, ${acknowledged} was cosigned`);
    // Whoever was told less may not go back, by any story.
    if (size > 0) assert.equal(await post(running, log.forkAt(0).request(size, size)), `409 ${size}`);
    let kill: NodeJS.Timeout | undefined;
    const closed = once(running.child, "close");
    try {
      for (;;) {
        assert.equal(await post(running, log.request(size, size + 1)), "200");
        size += 1;
        acknowledged = size;
        answered += 1;
        kill ??= setTimeout(() => running.child.kill("SIGKILL"), Math.random() * 60);
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    }
    clearTimeout(kill);
    running.child.kill("SIGKILL");
    await closed;
  }
  assert.ok(answered >= KILLS, `${answered} answered`);
  t.diagnostic(`${answered} cosigned over ${KILLS} lives`);
});

test("INV-WITNESS-ONE: a second process is refused while the first lives, and not once it was killed", async (t) => {
  const state = scratch(t);
  const running = await start(t, state, "--log", log.vkey);
  const args = [PROGRAM, "audit", "witness", "--listen", "127.0.0.1:0", "--state", state, "--log", log.vkey];
  const second = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.deepEqual([second.status, second.stdout], [69, ""]);
  assert.match(second.stderr, /^sluice audit witness: Another witness holds /);
  await ended(running, "SIGKILL");
  const third = await start(t, state, "--log", log.vkey);
  assert.equal(third.key, running.key);
});

test("INV-WITNESS-RACE: fifty clients at once with two stories are told one", async (t) => {
  const running = await start(t, scratch(t), "--log", log.vkey);
  const fork = log.forkAt(1);
  const dispatcher = new Agent({ connections: 50 });
  t.after(() => dispatcher.close());
  const asked = Array.from({ length: 50 }, (_, index) => ({ of: index % 2 === 0 ? log : fork, size: 1 + (index % 9) }));
  const answers = await Promise.all(
    asked.map(async ({ of, size }) => {
      const reply = await request(running.url, { method: "POST", body: of.request(0, size), dispatcher });
      await reply.body.dump();
      return reply.statusCode;
    }),
  );
  assert.equal(answers.filter((status) => status === 200).length, 1);
  assert.equal(answers.filter((status) => status === 409).length, 49);
});

function mounts(): boolean {
  return spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/tmp"]).status === 0;
}

test(
  "INV-WITNESS-STATE: a full disk refuses, keeps what was cosigned, and is no end",
  requirement("tmpfs", mounts(), "needs root and the right to mount a tmpfs"),
  async (t) => {
    const state = mkdtempSync(join(tmpdir(), "sluice-witness-"));
    t.after(() => {
      spawnSync("umount", ["-l", state]);
      rmdirSync(state);
    });
    assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "sluice-test", state]).status, 0);
    const running = await start(t, state, "--log", log.vkey, "--log", other.vkey);
    assert.equal(await post(running, log.request(0, 5)), "200");
    const ballast = join(state, "ballast");
    spawnSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=4096"]);
    assert.equal(await post(running, log.request(5, 9)), "503");
    assert.equal(await post(running, other.request(0, 9)), "503");
    assert.equal(await post(running, log.request(5, 5)), "200");
    const [line] = running.lines.filter((text) => text.includes("not_stored"));
    assert.match(line ?? "", /ENOSPC/);
    rmSync(ballast);
    assert.equal(await post(running, log.request(5, 9)), "200");
    assert.equal(await ended(running, "SIGTERM"), 0);
    const again = await start(t, state, "--log", log.vkey);
    assert.equal(await post(again, log.request(9, 9)), "200");
    await ended(again, "SIGKILL");
  },
);

const PEM = generateKeyPairSync("ed25519");
const misuse: readonly [name: string, args: (directory: string) => readonly string[], exit: number, said: RegExp][] = [
  ["no log is trusted", (dir) => ["--state", dir], 2, /no log is trusted/],
  ["no state", () => ["--enroll", "a/"], 2, /--state names the directory/],
  ["a word", (dir) => ["--state", dir, "x"], 2, /positional/],
  ["a key that is none", (dir) => ["--state", dir, "--log", "a+00000000+AAAA"], 2, /--log is not a verifier key/],
  [
    "a name instead of an address",
    (dir) => ["--state", dir, "--enroll", "a/", "--listen", "localhost:1"],
    2,
    /--listen/,
  ],
  ["a port that is none", (dir) => ["--state", dir, "--enroll", "a/", "--listen", "127.0.0.1:65536"], 2, /--listen/],
  ["a prefix that ends within a name", (dir) => ["--state", dir, "--enroll", "team"], 2, /--enroll is the beginning/],
  ["a prefix of everything", (dir) => ["--state", dir, "--enroll", ""], 2, /--enroll is the beginning/],
  ["a prefix without a key", (dir) => ["--state", dir, "--origin-prefix", "a/"], 2, /belong together/],
  [
    "a private key for a public one",
    (dir) => ["--state", dir, "--log-key", join(dir, "private"), "--origin-prefix", "a/"],
    2,
    /one PEM block "PUBLIC KEY"/,
  ],
  ["no places", (dir) => ["--state", dir, "--enroll", "a/", "--origins", "0"], 2, /--origins/],
  ["a name with a blank", (dir) => ["--state", dir, "--enroll", "a/", "--name", "a b"], 2, /--name/],
  ["a key that is absent", (dir) => ["--state", dir, "--enroll", "a/", "--key", "absent"], 64, /absent cannot be read/],
  [
    "a public key to sign with",
    (dir) => ["--state", dir, "--enroll", "a/", "--key", join(dir, "public")],
    64,
    /exactly one PEM block "PRIVATE KEY"/,
  ],
  ["a state that is a file", (dir) => ["--state", join(dir, "public"), "--enroll", "a/"], 69, /cannot be used: EEXIST/],
  [
    "a damaged state",
    (dir) => ["--state", join(dir, "damaged"), "--enroll", "a/"],
    69,
    /\.note is damaged: restore it/,
  ],
];

test("what cannot be is said in a sentence, before anything is bound", async (t) => {
  const directory = scratch(t);
  writeFileSync(join(directory, "private"), PEM.privateKey.export({ format: "pem", type: "pkcs8" }));
  writeFileSync(join(directory, "public"), PEM.publicKey.export({ format: "pem", type: "spki" }));
  mkdirSync(join(directory, "damaged"));
  writeFileSync(join(directory, "damaged", `${"0".repeat(64)}.note`), log.note(3));
  for (const [name, args, exit, said] of misuse) {
    let [out, err] = ["", ""];
    const code = await auditWitness(args(directory), {
      stdout: (text) => void (out += text),
      stderr: (text) => void (err += text),
      cwd: directory,
      now: () => epochMillis(0),
    });
    assert.deepEqual([code, out], [exit, ""], `${name}: ${err}`);
    assert.match(err, said, name);
    assert.match(err, /^sluice audit witness: [^\n]+\n$/, name);
  }
});
