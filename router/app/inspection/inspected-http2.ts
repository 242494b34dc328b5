import { injectedFields } from "./injected-fields.ts";
import { LAST_WORDS_MILLIS, serveHttp2 } from "./http2.ts";
import type { Inspected, InspectionRooms } from "./inspected.ts";

/** Serves HTTP/2 inside inspected TLS, on both sides. Resolves when the connection has ended. */
export async function serveInspectedHttp2(rooms: InspectionRooms, inspected: Inspected): Promise<void> {
  const { agent, authority, dial, exchange, origin, permit } = inspected;
  let unheard: NodeJS.Timeout | undefined;
  // Until here a cut has reset the connection at once, and with it what each stream is told; a Node client that has had
  // GOAWAY takes that for the end of a whole answer.
  exchange.onCut(() => {
    unheard = setTimeout(() => agent.resetAndDestroy(), LAST_WORDS_MILLIS);
  });
  await serveHttp2(
    { ...rooms, inject: (asked) => injectedFields(rooms.secrets, asked) },
    {
      agent,
      origin: origin.ok ? origin.value.socket : undefined,
      authority,
      permit,
      address: origin.ok ? origin.value.address : undefined,
      ...(origin.ok ? {} : { unreachable: origin.problem }),
      redial: async () => {
        const again = await rooms.upstream.dialSecure(dial, exchange.signal, ["h2"]);
        if (!again.ok) return undefined;
        if (again.value.alpn === "h2") return again.value.socket;
        again.value.socket.destroy();
        return undefined;
      },
      signal: exchange.signal,
      within: exchange,
    },
  );
  clearTimeout(unheard);
}
