import { randomBytes, randomUUID } from 'node:crypto';

/** Randomness arrives in `Context`, so that a test can repeat a run. Always cryptographically strong in production. */
export interface Random {
  /** A version 4 UUID: an identifier whose order cannot be guessed. */
  uuid(): string;
  /** Random bytes as base64url: 32 for a secret. Never begins with a dash, because people pass it to commands. */
  token(bytes: number): string;
  bytes(length: number): Uint8Array;
}

export const systemRandom: Random = {
  uuid: randomUUID,
  token,
  bytes: (length) => randomBytes(length),
};

/** Draws again where the text begins with a dash, which a command line takes for an option: once in 64 times. */
function token(bytes: number): string {
  for (;;) {
    const text = randomBytes(bytes).toString('base64url');
    if (!text.startsWith('-')) return text;
  }
}
