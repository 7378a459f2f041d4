import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';

export type Log = Logger;

/**
 * Names of members whose values never reach a log, at any depth up to three. Redaction by name is the net under the rule
 * that nobody logs a secret in the first place.
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
 * A `code` may be a one-time code, which is a secret, or the public name of a fault: a problem's, an errno, an SQLSTATE, the
 * number of a process's end. Only what has the shape of the latter is told.
 */
const faultCode = /^(?:internal|[a-z_]+\.[a-z_]+|E[A-Z0-9]+|[A-Z]{2,12}(?:_[A-Z0-9]{1,16}){1,8}|[0-9A-Z]{5}|\d{1,4})$/;

/** What is not there, or is only yes or no, is no secret under any name. */
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
