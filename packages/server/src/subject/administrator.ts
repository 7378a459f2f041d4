import type { Context } from '../context.ts';
import { processMemory } from '../kernel/process-memory.ts';
import { systemRealm } from './realm.ts';

/** The scope that opens the administration API. A participant's client does not get it by default. */
export const adminScope = 'countersign:admin';

/**
 * The administrator for automation that `COUNTERSIGN_ADMIN_CLIENT_ID` and `…_SECRET` name: a client of realm `system`.
 * It is never stored, and is gone when the variables are gone. Its generation follows from its secret, so a new secret
 * kills old tokens.
 */
export interface ConfiguredAdministrator {
  readonly clientId: string;
  readonly subjectId: string;
  readonly generation: number;
  readonly secretDigest: string;
}

export function configuredAdministrator(context: Context, realm: string): ConfiguredAdministrator | undefined {
  return realm === systemRealm ? administratorOf(context) : undefined;
}

const administratorOf = processMemory((context: Context): ConfiguredAdministrator | undefined => {
  const { admin } = context.config;
  if (admin === undefined) return undefined;
  return {
    clientId: admin.clientId,
    subjectId: `administrator:${admin.clientId}`,
    generation: Buffer.from(
      context.vault.digest('administrator-generation', admin.clientSecret),
      'base64url',
    ).readUIntBE(0, 6),
    secretDigest: context.vault.digest('client-secret', admin.clientSecret),
  };
});
