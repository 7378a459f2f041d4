/** Realm exports as Keycloak writes them, with passwords that the tests know. */

import { pbkdf2Sync, randomBytes } from 'node:crypto';

export function keycloakUser(username: string, password: string | undefined, more: object = {}): object {
  const salt = randomBytes(16);
  const value = password === undefined ? '' : pbkdf2Sync(password, salt, 1_000, 64, 'sha256').toString('base64');
  const credential = {
    type: 'password',
    secretData: JSON.stringify({ value, salt: salt.toString('base64'), additionalParameters: {} }),
    credentialData: JSON.stringify({ hashIterations: 1_000, algorithm: 'pbkdf2-sha256', additionalParameters: {} }),
  };
  return {
    id: `kc-${username}`,
    username,
    enabled: true,
    credentials: password === undefined ? [] : [credential],
    ...more,
  };
}

export function keycloakExport(...users: readonly object[]): string {
  return JSON.stringify({ id: 'x', realm: 'acme', users });
}
