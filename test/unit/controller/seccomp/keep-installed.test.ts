import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { keepInstalled, type LabelNode, type Round } from "../../../../controller/seccomp/keep-installed.ts";
import { ok } from "../../../../router/core/base/result.ts";
import { localhostProfile, profileText, setHash } from "../../../../seccomp/profiles.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-seccomp-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Runs rounds as fast as they come; `label` is asked with how often it was called, and `done` ends it. */
async function rounds(
  done: (labels: readonly (string | undefined)[], told: readonly Round[]) => boolean,
  label?: (value: string | undefined, times: number) => ReturnType<LabelNode>,
) {
  const end = new AbortController();
  const labels: (string | undefined)[] = [];
  const told: Round[] = [];
  const timer = setInterval(() => done(labels, told) && end.abort(), 1);
  const deadline = setTimeout(() => end.abort(), 5000);
  await keepInstalled({
    root,
    interval: 4,
    signal: end.signal,
    tell: (round) => told.push(round),
    label: async (value) => {
      labels.push(value);
      return label === undefined ? ok(undefined) : label(value, labels.length);
    },
  });
  clearInterval(timer);
  clearTimeout(deadline);
  return { labels, told };
}

describe("profiles are kept on a node", () => {
  test("INV-SECCOMP-LABEL: the label comes when all is in place, goes when it is not, and comes back", async () => {
    const { labels, told } = await rounds(
      (seen) => seen.length >= 3 && seen.at(-1) === setHash(),
      async (value, times) => {
        rmSync(join(root, "sluice"), { recursive: true });
        // A directory where a profile belongs cannot be replaced; the time after, it is gone again.
        if (value !== undefined && times === 1) {
          mkdirSync(join(root, localhostProfile("agent"), "full"), { recursive: true });
        }
        return ok(undefined);
      },
    );
    const changes = labels.filter((value, index) => value !== labels[index - 1] || index === 0);
    assert.deepEqual(changes, [setHash(), undefined, setHash()]);
    assert.deepEqual(
      told.map((round) => round.event),
      ["in-place", "not-in-place", "in-place"],
    );
  });

  test("a profile that somebody takes away or changes is back in the next round", async () => {
    const file = join(root, localhostProfile("router"));
    let removed = 0;
    const { told } = await rounds((_, all) => {
      if (all.length > removed && removed < 3) {
        removed += 1;
        rmSync(file);
      }
      return all.length === 4;
    });
    assert.equal(readFileSync(file, "utf8"), profileText("router"));
    assert.deepEqual(
      told.slice(1),
      Array.from({ length: 3 }, () => ({
        event: "in-place",
        hash: setHash(),
        written: [localhostProfile("router")],
      })),
    );
  });

  test("a label that fails is tried again each round and told of once", async () => {
    const { labels, told } = await rounds(
      (seen) => seen.length === 4,
      async (_, times) => {
        if (times === 2) throw new Error("the API server is away");
        return times < 4 ? { ok: false, problem: "the API server is away" } : ok(undefined);
      },
    );
    assert.deepEqual(
      labels,
      Array.from({ length: 4 }, () => setHash()),
    );
    assert.deepEqual(
      told.map((round) => round.event),
      ["not-labelled", "in-place"],
    );
  });

  test("what stands is labelled again now and then, not each round", async () => {
    const file = join(root, localhostProfile("router"));
    let removed = 0;
    // Each profile that is written again is a round.
    const { labels, told } = await rounds((_, all) => {
      if (all.length > removed) {
        removed += 1;
        rmSync(file);
      }
      return all.length >= 25;
    });
    assert.equal(labels.length >= 2, true, String(labels.length));
    assert.equal(labels.length < told.length / 2, true, `${labels.length} labels`);
  });
});
