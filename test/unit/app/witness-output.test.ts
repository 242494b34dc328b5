import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { epochMillis, millis } from "../../../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../../../router/core/base/result.ts";
import { SIZE_MEDIA_TYPE } from "../../../router/core/tlog/add-checkpoint-reply.ts";
import { parseAddCheckpoint } from "../../../router/core/tlog/add-checkpoint.ts";
import { parseCheckpointNote } from "../../../router/core/tlog/checkpoint-note.ts";
import { verifyConsistency } from "../../../router/core/tlog/consistency-proof.ts";
import { formatSignatureLines } from "../../../router/core/tlog/signed-note.ts";
import { EMPTY_ROOT } from "../../../router/core/tlog/tree-hash.ts";
import { WitnessOutput } from "../../../router/app/witness-output.ts";
import { Checkpoints, type SignedCheckpoint } from "../../../router/edge/audit/checkpoints.ts";
import { cosignerFromPrivateKey, createSigner, verifySignature } from "../../../router/edge/audit/ed25519.ts";
import { nodeHash } from "../../../router/edge/audit/node-hash.ts";
import { StreamTree } from "../../../router/edge/audit/stream-tree.ts";
import { leafOf } from "../core/audit/chain-fixture.ts";

const clock = { now: () => epochMillis(Date.now()), monotonic: () => millis(performance.now()) };
const cosigner = cosignerFromPrivateKey("witness.example", generateKeyPairSync("ed25519").privateKey);

const SIZE = SIZE_MEDIA_TYPE;
type Reply = Result<{ status: number; contentType: string | undefined; body: string }, string>;

/** A witness of one log, by the letter of tlog-witness: size and root, and nothing that does not follow from them. */
class ModelWitness {
  size = 0;
  root = EMPTY_ROOT;
  asked: number[] = [];
  /** What happens to the next requests: answers that get lost, or are another's. */
  readonly mishaps: ((answer: () => Reply) => Reply)[] = [];

  readonly post = (body: string): Promise<Reply> => {
    const mishap = this.mishaps.shift();
    const answer = (): Reply => this.#answer(body);
    return Promise.resolve(mishap === undefined ? answer() : mishap(answer));
  };

  #answer(body: string): Reply {
    const request = parseAddCheckpoint(body);
    assert.ok(request.ok);
    const { oldSize, path, checkpoint: note } = request.value;
    const parsed = parseCheckpointNote(note);
    assert.ok(parsed.ok);
    const { size, root } = parsed.value.checkpoint;
    this.asked.push(oldSize);
    if (oldSize !== this.size) return ok({ status: 409, contentType: SIZE, body: `${this.size}\n` });
    const isConsistent =
      oldSize === 0 ||
      verifyConsistency({ oldSize, oldRoot: this.root, newSize: size, newRoot: root, path }, nodeHash) === "proved";
    if (!isConsistent) return ok({ status: 422, contentType: undefined, body: "" });
    this.size = size;
    this.root = root;
    return ok({
      status: 200,
      contentType: undefined,
      body: formatSignatureLines([cosigner.cosign(parsed.value.note.text, 1_700_000_000)]),
    });
  }
}

/** A log without a disk: each `grow` adds leaves and signs a head. */
function setUp() {
  const witness = new ModelWitness();
  const problems: (string | undefined)[] = [];
  const cosigned: string[] = [];
  const output = new WitnessOutput({
    key: cosigner.key,
    post: witness.post,
    onCosigned: (note) => cosigned.push(note),
    onProblem: (problem) => problems.push(problem),
  });
  const tree = new StreamTree();
  const heads: SignedCheckpoint[] = [];
  const options = {
    signerOf: createSigner,
    records: 1,
    interval: millis(1e6),
    publish: (head: SignedCheckpoint) => void heads.push(head),
  };
  const checkpoints = new Checkpoints(options, clock, tree, "sluice.dev/audit/n/p/00000000000000000000000000000000");
  const grow = (leaves: number): void => {
    tree.append(Array.from({ length: leaves }, (_, index) => leafOf(`${tree.size + index}`)));
    checkpoints.sign();
    const head = heads.at(-1);
    assert.ok(head !== undefined);
    output.offer(head);
  };
  return { witness, output, grow, problems, cosigned, heads };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
};

test("INV-AUDIT-WITNESS: a witness gets every head, each with the proof from the one before", async () => {
  const { witness, output, grow, problems, cosigned } = setUp();
  for (let step = 1; step <= 40; step += 1) {
    grow(1 + ((step * 7) % 13));
    await settle();
  }
  assert.equal(output.status().cosignedSize, witness.size);
  assert.equal(cosigned.length, 40);
  assert.deepEqual(problems, []);
  const last = parseCheckpointNote(cosigned.at(-1) ?? "");
  assert.ok(last.ok && verifySignature(last.value.note, cosigner.key) === "verified");
});

test("INV-AUDIT-WITNESS: where the answer gets lost, it goes on from the size that the witness has", async () => {
  const { witness, output, grow, problems } = setUp();
  grow(3);
  await settle();
  witness.mishaps.push((answer) => {
    answer();
    return fail("the connection broke");
  });
  grow(4);
  await settle();
  assert.deepEqual([witness.size, output.status().cosignedSize], [7, 3]);
  grow(5);
  await output.close();
  assert.deepEqual([witness.size, output.status().cosignedSize], [12, 12]);
  assert.deepEqual(problems, ["the connection broke", undefined]);
  // The last request that was answered with 409, and the one that went on from there.
  assert.deepEqual(witness.asked.slice(-2), [3, 7]);
});

test("INV-AUDIT-WITNESS: a lost answer with nothing new is asked for again, at the same size", async () => {
  const { witness, output, grow } = setUp();
  witness.mishaps.push((answer) => {
    answer();
    return fail("the connection broke");
  });
  grow(6);
  await settle();
  await output.close();
  assert.equal(output.status().cosignedSize, 6);
  assert.deepEqual(witness.asked, [0, 0, 6]);
});

test("INV-AUDIT-WITNESS: an outage costs no memory, and then one request catches up", async () => {
  const { witness, output, grow } = setUp();
  grow(2);
  await settle();
  witness.mishaps.push(() => fail("down"));
  grow(1);
  await settle();
  for (let step = 0; step < 1_000; step += 1) grow(3);
  const { length } = witness.asked;
  await output.close();
  assert.equal(output.status().cosignedSize, 3_003);
  assert.equal(witness.asked.length, length + 1);
});

const wrong: readonly [name: string, reply: Reply, problem: RegExp][] = [
  [
    "a size that was never signed",
    ok({ status: 409, contentType: SIZE, body: "5000\n" }),
    /holds 5000 records of this log/,
  ],
  ["a size that is none", ok({ status: 409, contentType: SIZE, body: "-1\n" }), /409 without a tree size/],
  [
    "a huge answer for a size",
    ok({ status: 409, contentType: SIZE, body: "9".repeat(4_000) }),
    /409 without a tree size/,
  ],
  ["an unknown log", ok({ status: 404, contentType: undefined, body: "" }), /answered 404/],
  ["an inconsistent one", ok({ status: 422, contentType: undefined, body: "" }), /answered 422/],
  ["no signature", ok({ status: 200, contentType: undefined, body: "" }), /without signature lines/],
  [
    "half a line",
    ok({ status: 200, contentType: undefined, body: "\u2014 witness.example" }),
    /without signature lines/,
  ],
  [
    "another's signature",
    ok({
      status: 200,
      contentType: undefined,
      body: formatSignatureLines([createSigner("witness.example").sign("x\n")]),
    }),
    /does not verify/,
  ],
];

for (const [name, reply, problem] of wrong) {
  test(`INV-AUDIT-WITNESS: nothing is taken for cosigned on: ${name}`, async () => {
    const { witness, output, grow, cosigned } = setUp();
    witness.mishaps.push(() => reply);
    grow(9);
    await settle();
    assert.match(output.status().problem ?? "", problem);
    assert.deepEqual([output.status().cosignedSize, cosigned.length], [0, 0]);
    // It is asked again, and the right answer counts.
    await output.close();
    assert.deepEqual([output.status().cosignedSize, output.status().problem], [9, undefined]);
  });
}
