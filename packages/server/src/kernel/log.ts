import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';

export type Log = Logger;

/**
 * Members with these names never reach a log with their values, up to three levels deep. This is only a safety net:
 * code must not log secrets in the first place.
 */
export const secretNames = [
  'access_token',
  'Authorization',
  'assertion',
  'authorization',
  'client_assertion',
  'client_secret',
  'clientSecret',
  'code',
  'cookie',
  'd',
  'dpop',
  'jwk',
  'key',
  'masterKey',
  'passphrase',
  'password',
  'pickUpCode',
  'privateKey',
  'refresh_token',
  'sealed_jwk',
  'secret',
  'set-cookie',
  'signature',
  'token',
] as const;

const paths = secretNames.flatMap((name) => {
  const at = /^[a-zA-Z]+$/.test(name) ? `.${name}` : `["${name}"]`;
  return [at.startsWith('.') ? name : at, `*${at}`, `*.*${at}`];
});

/**
 * A `code` may be a one-time code, which is a secret, or the public name of a fault: that of a problem, an errno, an
 * SQLSTATE, an exit code. Only values with the shape of a fault are shown.
 */
const faultCode = /^(?:internal|[a-z_]+\.[a-z_]+|E[A-Z0-9]+|[A-Z]{2,12}(?:_[A-Z0-9]{1,16}){1,8}|[0-9A-Z]{5}|\d{1,4})$/;

/** An absent value or a boolean is not a secret under any name. */
function censor(value: unknown, path: string[]): unknown {
  if (value === null || value === undefined || typeof value === 'boolean') return value;
  return path.at(-1) === 'code' && faultCode.test(String(value)) ? value : '[redacted]';
}

/** Structured JSON lines on standard output, or on `destination`. */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    redact: { paths, censor },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
