import { createHash, createHmac } from "node:crypto";
import type { Clock } from "../../core/base/clock.ts";
import type { Result } from "../../core/base/result.ts";
import type { AwsKeys } from "../../core/credential/aws-keys.ts";
import { BEDROCK_SERVICE, type HeaderList } from "../../core/credential/inject.ts";
import { signedHeadersOf, type SigningHashes, signingKey, type SigningScope } from "../../core/credential/sigv4.ts";
import type { SignablePart } from "../../core/credential/sigv4-canonical.ts";
import { basicTime } from "../../core/credential/utc-time.ts";

const hashes: SigningHashes = {
  sha256: (text) => createHash("sha256").update(text, "utf8").digest("hex"),
  hmac: (key, text) => createHmac("sha256", key).update(text, "utf8").digest(),
};

/** Signs requests of one region; the day's key is made once for each pair of keys. */
export class RequestSigner {
  readonly #clock: Clock;
  readonly #region: string;
  #day: { readonly keys: AwsKeys; readonly scope: SigningScope; readonly key: Uint8Array } | undefined;

  constructor(clock: Clock, region: string) {
    this.#clock = clock;
    this.#region = region;
  }

  /** The headers to add; a problem where the request cannot be signed. */
  sign(request: SignablePart, keys: AwsKeys): Result<HeaderList, string> {
    const date = basicTime(this.#clock.now());
    const day = this.#keyOf(keys, date.slice(0, 8));
    return signedHeadersOf(hashes, request, date, keys, day.scope, day.key);
  }

  #keyOf(keys: AwsKeys, day: string): { readonly scope: SigningScope; readonly key: Uint8Array } {
    if (this.#day?.keys !== keys || this.#day.scope.day !== day) {
      const scope = { day, region: this.#region, service: BEDROCK_SERVICE };
      this.#day = { keys, scope, key: signingKey(hashes, keys.secretAccessKey, scope) };
    }
    return this.#day;
  }
}
