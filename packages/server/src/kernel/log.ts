import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';

export type Log = Logger;

/**
 * Names of members whose values never reach a log, at any depth up to three. Redaction by name is the net under the rule
 * that nobody logs a secret in the first place.
 */
export const secretNames = [
  'access_token',
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
  'password',
  'privateKey',
  'refresh_token',
  'secret',
  'signature',
  'token',
] as const;

const paths = secretNames.flatMap((name) => {
  const at = /^[a-zA-Z]+$/.test(name) ? `.${name}` : `["${name}"]`;
  return [at.startsWith('.') ? name : at, `*${at}`, `*.*${at}`];
});

/** Structured JSON lines on standard output, or on `destination`. */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    redact: { paths, censor: '[redacted]' },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
