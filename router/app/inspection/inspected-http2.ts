import { injectedFields } from "./injected-fields.ts";
import { serveHttp2 } from "./http2.ts";
import type { Inspected, InspectionRooms } from "./inspected.ts";

/** Serves HTTP/2 inside inspected TLS, on both sides. Resolves when the connection has ended. */
export async function serveInspectedHttp2(rooms: InspectionRooms, inspected: Inspected): Promise<void> {
  const { agent, authority, dial, exchange, origin, permit } = inspected;
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
}
