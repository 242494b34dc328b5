/**
 * What we write for others to check, checked by others: Go's sumdb/note, transparency-dev's formats and merkle, gowebpki's
 * RFC 8785 and the OTLP messages (`test/tools/tlog`). They share no line with us. And what they write, read by us.
 */
import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { WitnessOutput } from "../../router/app/witness-output.ts";
import { epochMillis, millis } from "../../router/core/base/quantity.ts";
import { ok } from "../../router/core/base/result.ts";
import { otlpBody } from "../../router/core/export/otlp-body.ts";
import { formatAddCheckpoint } from "../../router/core/tlog/add-checkpoint.ts";
import { parseCheckpoint } from "../../router/core/tlog/checkpoint.ts";
import { type CompactRange, emptyRange, joinRanges } from "../../router/core/tlog/compact-range.ts";
import { rangeConsistency } from "../../router/core/tlog/range-consistency.ts";
import { formatSignedNote, parseSignedNote } from "../../router/core/tlog/signed-note.ts";
import { formatTlogProof } from "../../router/core/tlog/tlog-proof.ts";
import { formatVerifierKey, parseVerifierKey } from "../../router/core/tlog/verifier-key.ts";
import type { SignedCheckpoint } from "../../router/edge/audit/checkpoints.ts";
import {
  cosignedAt,
  cosignerFromPrivateKey,
  createSigner,
  sha256,
  verifySignature,
} from "../../router/edge/audit/ed25519.ts";
import { nodeHash } from "../../router/edge/audit/node-hash.ts";
import { auditSample } from "../fakes/audit-sample.ts";
import {
  type CheckpointedLog,
  checkpointedLog,
  fileIn,
  inclusionOf,
  type LoggedStream,
} from "../fakes/checkpointed-log.ts";
import { tlog, tlogTool, tlogWitness } from "../fakes/tlog-tool.ts";
import { requirement } from "../require.ts";
import { scratchDirectory } from "../unit/edge/audit/log-fixture.ts";
import { generateKeyPairSync } from "node:crypto";
