import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditEvent } from "../../../router/core/audit/audit-event.ts";
import { logOrigin } from "../../../router/core/audit/log-origin.ts";
import { recordRenderer } from "../../../router/core/audit/record.ts";
import { NO_LEAF, segmentDetail, segmentName } from "../../../router/core/audit/segment-header.ts";
import { epochMillis, millis } from "../../../router/core/base/quantity.ts";
import { checkpointText } from "../../../router/core/tlog/checkpoint.ts";
import { appendLeaves, type CompactRange, emptyRange, rangeRoot } from "../../../router/core/tlog/compact-range.ts";
import { formatSignedNote } from "../../../router/core/tlog/signed-note.ts";
import { type NoteSigner, signerFromPrivateKey } from "../../../router/edge/audit/ed25519.ts";
import { leafHash } from "../../../router/edge/audit/leaf-hash.ts";
import { nodeHash } from "../../../router/edge/audit/node-hash.ts";
import { checkpointFile } from "../../../router/edge/audit/note-file.ts";

const ACTOR = { namespace: "research", pod: "agent-7f9c", agent: "researcher" };
const KEY = generateKeyPairSync("ed25519").privateKey;
const BASE = { time: epochMillis(0), reason: null, policy: null, request: null } as const;

/** A stream as the writer makes it, and the checkpoints over it: `sizes` are of its segments, headers counted; `first` is its first's number. */
export class SignedStream {
  readonly stream: string;
  readonly origin: string;
  readonly signer: NoteSigner;
  readonly lines: string[][] = [];
  readonly #trees: CompactRange[] = [emptyRange(0)];
  readonly #first: number;
  #prev = NO_LEAF;

  constructor(letter: string, sizes: readonly number[], first = 1) {
    this.#first = first;
    this.stream = letter.repeat(32);
    this.origin = logOrigin(ACTOR, this.stream);
    this.signer = signerFromPrivateKey(this.origin, KEY);
    const render = recordRenderer(ACTOR, this.stream);
    const add = (lines: string[], event: AuditEvent): void => {
      const tree = this.#tree();
      const line = render(event, {
        seq: tree.end,
        prev: this.#prev,
        time: "2026-11-20T00:00:00.000Z",
        uptime: millis(1),
      });
      const bytes = Buffer.from(`\0${line}`);
      this.#prev = leafHash(bytes, 1, bytes.length);
      this.#trees.push(appendLeaves(tree, [this.#prev], nodeHash));
      lines.push(line);
    };
    for (const [index, size] of sizes.entries()) {
      const lines: string[] = [];
      const tree = this.#tree();
      const before = { segment: first + index - 1, stream: this.stream, seq: tree.end - 1, leaf: this.#prev, bytes: 1 };
      const file = segmentName(before.segment, this.stream);
      const previous = index === 0 ? null : { ...before, file, ended: "rotated" as const };
      const detail = segmentDetail({ segment: first + index, previous, tree: tree.hashes });
      add(lines, { ...BASE, kind: "segment", action: "begin", target: "", decision: "none", rule: null, detail });
      while (lines.length < size) {
        const target = `host-${this.#tree().end}.example:443`;
        add(lines, { ...BASE, kind: "egress.decision", action: "connect", target, decision: "allow", rule: "web" });
      }
      this.lines.push(lines);
    }
  }

  #tree(): CompactRange {
    return this.#trees.at(-1) ?? emptyRange(0);
  }

  get size(): number {
    return this.#tree().end;
  }

  note(size: number, signer: NoteSigner = this.signer, origin: string = this.origin): string {
    const root = rangeRoot(this.#trees[size] ?? emptyRange(0), nodeHash);
    return this.signedText(checkpointText({ origin, size, root }), signer);
  }

  signedText(text: string, signer: NoteSigner = this.signer): string {
    return formatSignedNote(text, [signer.sign(text)]);
  }

  /** All segments, and the checkpoint over `size` records. Returns the paths of the segments. */
  write(directory: string, size: number = this.size): string[] {
    writeFileSync(join(directory, checkpointFile(this.stream)), this.note(size));
    return this.lines.map((lines, index) => {
      const path = join(directory, segmentName(this.#first + index, this.stream));
      writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
      return path;
    });
  }
}
