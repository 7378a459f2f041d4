import { randomBytes, randomUUID } from 'node:crypto';

/** Randomness arrives in `Context`, so that a test can repeat a run. Always cryptographically strong in production. */
export interface Random {
  /** A version 4 UUID: an identifier whose order cannot be guessed. */
  uuid(): string;
  /** Random bytes as base64url: 32 for a secret. */
  token(bytes: number): string;
  bytes(length: number): Uint8Array;
}

export const systemRandom: Random = {
  uuid: randomUUID,
  token: (bytes) => randomBytes(bytes).toString('base64url'),
  bytes: (length) => randomBytes(length),
};
