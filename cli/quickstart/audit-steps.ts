import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditorAsk } from "./auditor.ts";
import { copyCutOff, copyWithOneBitTurned, VICTIM, withAlteredRecord } from "./forgeries.ts";
import { keepHeads } from "./kept-heads.ts";
import type { LocalStage } from "./local-stage.ts";
import { SLUICE } from "./program-files.ts";
import { recordsOf } from "./recorded.ts";
import { auditKey } from "./stage.ts";
import type { TourRun } from "./tour-run.ts";

/** One call of the auditor. */
interface Command extends AuditorAsk {
  /** The file that its output goes to. */
  readonly into?: string;
}

interface AuditStep {
  readonly tried: string;
  readonly expected: string;
  /** What must be there before. */
  readonly prepare?: () => unknown;
  /** All but the last must exit with 0; the last is what counts. */
  readonly commands: () => readonly Command[] | Promise<readonly Command[]>;
  /** The line of its output that tells a newcomer most. */
  readonly tells: RegExp;
}

const CUT_OFF = 2;

/** The audit log against what is kept of it elsewhere: as it is, cut, altered; one record of it; and what runs. */
export async function auditSteps(run: TourRun, stage: LocalStage): Promise<void> {
  const { steps, directory } = run;
  const { agent, auditor, sidecar, admin, witness, kept } = stage;
  const { audit } = sidecar;
  const [logKey, witnessKey, cosigned] = [kept.at("log.vkey"), kept.at("witness.vkey"), kept.at("cosigned.log")];
  const [proof, attestation, policy] = [kept.at("record.proof"), kept.at("attestation.json"), kept.at("egress.yaml")];
  const forged = (name: string): string => join(directory, "forged", name);

  const shown = ({ verb, argv, into }: Command): string => {
    const words = ["$ sluice", verb, ...argv, ...(into === undefined ? [] : [">", into])];
    return words.join(" ").replaceAll(directory, "$D");
  };
  const take = ({ tried, expected, prepare, commands, tells }: AuditStep): Promise<void> =>
    steps.take(tried, expected, async () => {
      await prepare?.();
      const lines: string[] = [];
      let got = "";
      for (const command of await commands()) {
        const { exit, stdout, stderr } = await auditor.ask(command);
        const said = stdout === "" ? stderr : stdout;
        lines.push(shown(command));
        got = `exit ${exit}: ${verdictOf(said)}`;
        const told = said.split("\n").find((line) => tells.test(line));
        if (command.into === undefined && told !== undefined) {
          lines.push(`  ${told.trim().replaceAll(`${directory}/`, "")}`);
        }
        if (command.into === undefined) continue;
        if (exit !== 0) break;
        writeFileSync(command.into, stdout);
      }
      return [got, ...lines].join("\n");
    });

  steps.part("Every decision is on record, in a chain of hashes, and the chain's heads are signed and kept elsewhere.");
  steps.say(`         to repeat: D=${directory}${ALIAS}`);
  await take({
    tried: "the audit log, to the signed heads kept elsewhere",
    expected: "exit 0: verified to an anchor",
    async prepare() {
      mkdirSync(forged("."));
      writeFileSync(logKey, `${await auditKey(agent, admin)}\n`);
      writeFileSync(witnessKey, `${witness.key}\n`);
      await keepHeads(sidecar, { head: kept.head, cosigned });
    },
    commands: () => [verify(audit, "--anchor", kept.head, "--anchor", sidecar.log, "--key", logKey)],
    tells: /^ *anchored: /,
  });
  await take({
    tried: "the same, to a head that a witness has cosigned",
    expected: "exit 0: verified to an anchor",
    commands: () => [verify(audit, "--anchor", cosigned, "--key", logKey, "--key", witnessKey)],
    tells: /behind the anchor/,
  });
  await take({
    tried: "its last records cut off: the chain alone",
    expected: "exit 4: intact, not anchored",
    prepare: () => copyCutOff(audit, forged("cut"), CUT_OFF),
    commands: () => [verify(forged("cut"))],
    tells: /^ *not anchored: /,
  });
  await take({
    tried: "the same, against the head kept elsewhere",
    expected: "exit 3: not what was signed",
    commands: () => [verify(forged("cut"), "--anchor", kept.head, "--key", logKey)],
    tells: /SHORTER/,
  });
  await take({
    tried: "one bit of one record turned",
    expected: "exit 1: tampered",
    prepare: () => copyWithOneBitTurned(audit, forged("turned")),
    commands: () => [verify(forged("turned"))],
    tells: /, octet \d+/,
  });
  await take({
    tried: "one record, proved without the rest of the log",
    expected: "exit 0: ok",
    commands: async () => [
      { verb: "audit prove", argv: [audit, "--seq", await victimIn(audit), "--checkpoint", kept.head], into: proof },
      verify("--proof", proof, "--key", logKey),
    ],
    tells: /^ *decision /,
  });
  await take({
    tried: "the same proof, one bit of its record turned",
    expected: "exit 1: wrong",
    prepare: () => writeFileSync(forged("record.proof"), withAlteredRecord(readFileSync(proof, "utf8"))),
    commands: () => [verify("--proof", forged("record.proof"), "--key", logKey)],
    tells: /not shown to be in the log/,
  });
  await take({
    tried: "what runs, attested: its policy, its log",
    expected: "exit 0: verified",
    prepare: () => writeFileSync(policy, stage.policy(stage.version)),
    commands: () => [
      { verb: "attest", argv: ["--from", admin], into: attestation },
      attested("--policy", policy, "--audit", audit),
    ],
    tells: /: in force as /,
  });
  await take({
    tried: "the same, against an edited policy",
    expected: "exit 1: wrong",
    prepare: () => writeFileSync(forged("egress.yaml"), widened(readFileSync(policy, "utf8"))),
    commands: () => [attested("--policy", forged("egress.yaml"))],
    tells: /: not_in_force: /,
  });

  function attested(...more: readonly string[]): Command {
    return { verb: "attest", argv: ["--verify", attestation, "--key", logKey, ...more] };
  }
}
