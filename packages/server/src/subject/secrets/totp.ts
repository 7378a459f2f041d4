import { createHmac, timingSafeEqual } from 'node:crypto';
import { base32nopad } from '@scure/base';
import type { Random } from '../../kernel/random.ts';

/**
 * Time-based one-time passwords, RFC 6238, as every authenticator app computes them: HMAC-SHA-1, 6 digits, steps of 30
 * seconds.
 *
 * §5.2: "The verifier MUST NOT accept the second attempt of the OTP after the successful validation has been issued for
 * the first OTP". So `matchTotp` returns the matching step, and takes the last used step: only later ones count. Six
 * digits with three open steps are one chance in 333,333 per try, so the caller must throttle.
 */
export const totpStepSeconds = 30;
const digits = 6;
/**
 * Steps to either side, for a clock that is off and a person who types slowly (§5.2 recommends "at most one time
 * step").
 */
const window = 1;
/** RFC 4226 §4 recommends "a shared secret length of 160 bits": as long as the digest. */
const secretLength = 20;

export function newTotpSecret(random: Random): Uint8Array {
  return random.bytes(secretLength);
}

/** The step of this code, if that step is open and later than `usedStep`, else undefined. */
export function matchTotp(
  secret: Uint8Array,
  code: string,
  now: number,
  usedStep: number | null = null,
): number | undefined {
  const presented = code.normalize('NFKC').replace(/\s/g, '');
  if (!/^\d{6}$/.test(presented)) return undefined;
  const current = Math.floor(now / 1_000 / totpStepSeconds);
  let matched: number | undefined;
  // Tries all steps in every case, so that the time reveals nothing.
  for (let step = Math.max(0, current - window); step <= current + window; step++) {
    const equal = timingSafeEqual(Buffer.from(hotp(secret, step)), Buffer.from(presented));
    if (equal && (usedStep === null || step > usedStep)) matched ??= step;
  }
  return matched;
}

/** RFC 4226 §5.3: dynamic truncation of the HMAC over the counter. */
export function hotp(secret: Uint8Array, counter: number, length = digits): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac('sha1', secret).update(message).digest();
  const offset = (mac.at(-1) as number) & 0xf;
  const number = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** length).padStart(length, '0');
}

/**
 * The content of the QR code for an authenticator app. Apps assume these parameters as defaults; they are named all the
 * same.
 */
export function totpUri(secret: Uint8Array, issuer: string, holder: string): string {
  // A colon separates the two parts, so neither may contain one. URLSearchParams writes a space as +, which apps would
  // show.
  const label = [issuer, holder].map((part) => encodeURIComponent(part.replaceAll(':', ' '))).join(':');
  const parameters = [
    `secret=${base32nopad.encode(secret)}`,
    `issuer=${encodeURIComponent(issuer.replaceAll(':', ' '))}`,
    'algorithm=SHA1',
    `digits=${digits}`,
    `period=${totpStepSeconds}`,
  ];
  return `otpauth://totp/${label}?${parameters.join('&')}`;
}
