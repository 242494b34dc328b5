import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Auditor, type AuditStep, type Command, takeAuditStep } from "./audit-step.ts";
import { copyCutOff, copyWithOneBitTurned, VICTIM, withRecordTurned } from "./forgeries.ts";
import { keepHeads } from "./kept-heads.ts";
import type { LocalStage } from "./local-stage.ts";
import { otherWildcard } from "./policy.ts";
import { SLUICE } from "./program-files.ts";
import { recordsOf } from "./recorded.ts";
import { auditKey } from "./stage.ts";
import type { TourRun } from "./tour-run.ts";

const CUT_OFF = 2;
const ALIAS = SLUICE === "sluice" ? "" : `; alias sluice="${SLUICE}"`;

/** The audit log against what is kept of it elsewhere: as it is, cut, altered; one record of it; and what runs. */
export async function auditSteps(run: TourRun, stage: LocalStage, auditor: Auditor): Promise<void> {
  const { agent, sidecar, admin, witness } = stage;
  const { audit } = sidecar;
  const kept = (name: string): string => join(stage.kept, name);
  const forged = (name: string): string => join(run.directory, "forged", name);
  const take = (step: AuditStep): Promise<void> => takeAuditStep(run, auditor, step);
  const verify = (...argv: readonly string[]): Command => ({ verb: "audit verify", argv });
  const logKey = ["--key", kept("log.vkey")];

  run.steps.part("Every decision is on record. The log's signed heads are kept elsewhere, too: here in $D/kept.");
  run.steps.say(`         $ D=${run.directory}${ALIAS}    # all this can be repeated while it runs`);
  mkdirSync(forged("."));
  await take({
    tried: "the audit log, to signed heads kept elsewhere",
    expected: "exit 0: verified to an anchor",
    async prepare() {
      writeFileSync(kept("log.vkey"), `${await auditKey(agent, admin)}\n`);
      await keepHeads(sidecar, { head: stage.head, cosigned: kept("cosigned.log") });
    },
    // The sidecar's standard output holds its heads, too: whoever collects logs has them.
    commands: () => [verify(audit, "--anchor", stage.head, "--anchor", sidecar.log, ...logKey)],
    tells: /^ *anchored: /,
  });
  await take({
    tried: "the same, to a head that a witness has cosigned",
    expected: "exit 0: verified to an anchor",
    prepare: () => writeFileSync(kept("witness.vkey"), `${witness.key}\n`),
    commands: () => [verify(audit, "--anchor", kept("cosigned.log"), ...logKey, "--key", kept("witness.vkey"))],
    tells: /^ *anchored: /,
  });
  await take({
    tried: "a copy, the last records cut off: the chain alone",
    expected: "exit 4: intact, not anchored",
    prepare: () => copyCutOff(audit, forged("cut"), CUT_OFF),
    commands: () => [verify(forged("cut"))],
    tells: /^ *ends without a stop record/,
  });
  await take({
    tried: "the same, against the head kept elsewhere",
    expected: "exit 3: not what was signed",
    commands: () => [verify(forged("cut"), "--anchor", stage.head, ...logKey)],
    tells: /SHORTER/,
  });
  await take({
    tried: "a copy, one bit of one record turned",
    expected: "exit 1: tampered",
    prepare: () => copyWithOneBitTurned(audit, forged("turned")),
    commands: () => [verify(forged("turned"))],
    tells: /, octet [0-9]+/,
  });
  await take({
    tried: "one record, proved without the rest of the log",
    expected: "exit 0: ok",
    commands: async () => [
      {
        verb: "audit prove",
        argv: [audit, "--seq", await victimIn(audit), "--checkpoint", stage.head],
        into: kept("record.proof"),
      },
      verify("--proof", kept("record.proof"), ...logKey),
    ],
    tells: /^ *decision /,
  });
  await take({
    tried: "the same proof, one bit of its record turned",
    expected: "exit 1: wrong",
    prepare: () => writeFileSync(forged("record.proof"), withRecordTurned(readFileSync(kept("record.proof"), "utf8"))),
    commands: () => [verify("--proof", forged("record.proof"), ...logKey)],
    tells: /not shown to be in the log/,
  });
  const attested = (...more: readonly string[]): Command => ({
    verb: "attest",
    argv: ["--verify", kept("attestation.json"), ...logKey, ...more],
  });
  await take({
    tried: "what runs, attested: these policies, this log",
    expected: "exit 0: verified",
    commands: () => [
      { verb: "attest", argv: ["--from", admin], into: kept("attestation.json") },
      attested(
        ...[sidecar.policy, sidecar.modelsPolicy, sidecar.actionsPolicy].flatMap((policy) => ["--policy", policy]),
        "--audit",
        audit,
      ),
    ],
    tells: /: in force as /,
  });
  await take({
    tried: "the same, against a policy that was edited",
    expected: "exit 1: wrong",
    prepare: () => writeFileSync(forged("egress.yaml"), otherWildcard(readFileSync(sidecar.policy, "utf8"))),
    commands: () => [attested("--policy", forged("egress.yaml"))],
    tells: /: not_in_force: /,
  });
}

/** The number of the first record about the forgeries' host. */
async function victimIn(audit: string): Promise<string> {
  const victim = (await recordsOf(audit)).find(({ target }) => target.includes(VICTIM));
  if (victim === undefined) throw new Error(`${VICTIM} is not on record`);
  return String(victim.seq);
}
