import type { DocumentProblem } from "../core/base/problem.ts";
import { millis } from "../core/base/quantity.ts";
import { MAXIMUM_DOCUMENT } from "../core/document/check-source.ts";
import type { RouterConfig } from "../core/config/router-config.ts";
import { watchDirectory, type WatchOptions } from "../edge/sources/watched-directory.ts";
import { loadKeyring } from "../edge/trust/keyring.ts";
import type { Log } from "../edge/log/log.ts";
import type { PolicyLoop } from "./policy-loop.ts";

export type PolicySources = AsyncDisposable;

const WATCH = {
  maximumBytes: MAXIMUM_DOCUMENT,
  maximumTotalBytes: 4 * MAXIMUM_DOCUMENT,
  pollInterval: millis(2_000),
  settle: millis(50),
} as const;

/** What a loop is told; `PolicyLoop` is one for any kind. */
type Loop = Pick<PolicyLoop<never, never>, "begin" | "listed" | "listingFailed" | "trusted" | "trustFailed">;

/**
 * Connects the policy and trust directories to the loops, in whose order each change is judged; resolves when both have
 * been read once and judged.
 */
export async function watchPolicySources(
  config: RouterConfig,
  loops: readonly Loop[],
  log: Log,
): Promise<PolicySources> {
  const each = async (tell: (loop: Loop) => Promise<void>): Promise<void> => {
    for (const loop of loops) await tell(loop);
  };
  const onEvents = (problem: DocumentProblem | undefined): void =>
    log.event(problem === undefined ? "info" : "warn", "policy sources", {
      problem: problem?.message ?? "events come again",
    });
  const reloadTrust = async (): Promise<void> => {
    const keyring = await loadKeyring(config.trust.directory);
    await each((loop) => (keyring.ok ? loop.trusted(keyring.value) : loop.trustFailed(keyring.problem)));
  };
  const trust = watchDirectory(config.trust.directory, {
    ...WATCH,
    accept: () => true,
    onChange: reloadTrust,
    onProblem: (problems) => void each((loop) => loop.trustFailed(problems)),
    onEvents,
  } satisfies WatchOptions);
  const policy = watchDirectory(config.policy.directory, {
    ...WATCH,
    accept: (name) => /\.ya?ml(?:\.sigstore\.json)?$/.test(name),
    onChange: (listing) => each((loop) => loop.listed(listing)),
    onProblem: (problems) => void each((loop) => loop.listingFailed(problems)),
    onEvents,
  } satisfies WatchOptions);

  const [listing, keyring] = await Promise.all([
    policy.initial(),
    loadKeyring(config.trust.directory),
    trust.initial(),
  ]);
  await each((loop) => loop.begin(listing, keyring));
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([trust[Symbol.asyncDispose](), policy[Symbol.asyncDispose]()]);
    },
  };
}
