import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ParticipantOptions } from '@countersign/client';

const { ISSUER = 'http://localhost:8080/realms/dev', CREDENTIALS = 'data/credentials', CLIENT_ID } = process.env;

/** The credentials of a participant, from the files that the first start of a development server writes. */
export function credentials(name: string): ParticipantOptions {
  const read = (file: string) => readFileSync(join(CREDENTIALS, file), 'utf8');
  return {
    issuer: ISSUER,
    clientId: CLIENT_ID ?? name,
    clientSecret: read(`${name}.secret`),
    privateKey: JSON.parse(read(`${name}.private.jwk`)),
  };
}
