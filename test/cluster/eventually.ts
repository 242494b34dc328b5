import { setTimeout as sleep } from "node:timers/promises";

/** Polls until `check` passes, and fails with its last error after `within` milliseconds: policies and webhooks take time to be seen. */
export async function eventually(check: () => Promise<void>, within = 20_000): Promise<void> {
  const end = Date.now() + within;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(50);
    }
  }
}
