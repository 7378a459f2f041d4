import { randomBytes, randomUUID } from 'node:crypto';

/** Randomness arrives in `Context`, so that a test can make a run repeatable. Always cryptographically strong in production. */
export interface Random {
  /** A version 4 UUID: identifiers that nobody should guess the order of. */
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
