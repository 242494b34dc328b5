/** Characters of an IBAN by country, as the registry of ISO 13616 lists them. */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 " +
    "FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 " +
    "LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 " +
    "RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((row) => [row.slice(0, 2), Number(row.slice(2))]),
);

/** Whether an IBAN stands at `start`, in one piece or in groups: where it ends (ISO 13616, check digits of ISO 7064). */
export function ibanEnd(text: string, start: number, end: number): number | undefined {
  const length = LENGTHS.get(text.slice(start, start + 2)) ?? Number.POSITIVE_INFINITY;
  let taken = "";
  let at = start;
  for (; at < end && taken.length < length; at += 1) if (text.charAt(at) !== " ") taken += text.charAt(at);
  if (taken.length !== length || /[A-Za-z0-9]/.test(text.charAt(at))) return undefined;
  let rest = 0;
  for (const character of taken.slice(4) + taken.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1 ? at : undefined;
}
