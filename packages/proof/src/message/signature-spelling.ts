/** Signature values that are nearly right, read leniently: for diagnosis only. */
import { decodeBase64url } from '../base64url.ts';

/** The spelling of a signature part that is not strict base64url of the raw signature. */
export type SignatureSpelling = 'signature_padded' | 'signature_base64' | 'signature_hex' | 'signature_der';

export interface ReadSignature {
  readonly bytes: Uint8Array;
  readonly spelling: SignatureSpelling | undefined;
}

const maxLength = 16_384;

/** The signature bytes for each possible reading of the text. */
export function readSignature(text: string): readonly ReadSignature[] {
  const unpadded = text.replace(/={1,2}$/, '');
  const url = unpadded.replaceAll('+', '-').replaceAll('/', '_');
  const bytes = decodeBase64url(url, maxLength);
  const readings: ReadSignature[] = [];
  if (bytes !== undefined) {
    const spelling = url !== unpadded ? 'signature_base64' : unpadded !== text ? 'signature_padded' : undefined;
    readings.push({ bytes, spelling });
    const raw = rawFromDer(bytes);
    if (raw !== undefined) readings.push({ bytes: raw, spelling: 'signature_der' });
  }
  if (/^(?:[0-9a-f]{2}){64,}$/i.test(text)) {
    const digits = text.match(/../g) ?? [];
    readings.push({ bytes: Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16)), spelling: 'signature_hex' });
  }
  return readings;
}

/** ECDSA-Sig-Value (RFC 3279 §2.2.3) on P-256 as r||s (RFC 7518 §3.4). */
function rawFromDer(der: Uint8Array): Uint8Array | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 72) return undefined;
  const raw = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1] ?? 0;
    const number = der.subarray(at + 2, at + 2 + length);
    const digits = number[0] === 0 ? number.subarray(1) : number;
    if (der[at] !== 0x02 || number.length !== length || digits.length === 0 || digits.length > 32) return undefined;
    raw.set(digits, end - digits.length);
    at += 2 + length;
  }
  return at === der.length ? raw : undefined;
}
