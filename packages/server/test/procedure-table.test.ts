import { actionsOpening } from '@countersign/proof';
import { afterAll, describe, expect, test } from 'vitest';
import { proceduresOf } from '../src/rpc/procedure.ts';
import { allServices } from '../src/server.ts';
import { obtainToken, testServer } from './support/server.ts';

/** Every remote procedure, called over Connect with credentials that are not good for it. */

/** All that anyone may call: the proof, where there is one, is in the message. A new open procedure is added here, after thought. */
const open = [
  '/countersign.v1.ProviderService/GetConfiguration',
  '/countersign.v1.WalletService/CreateWallet',
  '/countersign.v1.AuthService/GetChallenge',
  '/countersign.v1.AuthService/AcquireToken',
  '/countersign.v1.SecureService/Request',
  // The new device of a recovery: each message is signed by it.
  '/countersign.v1.RecoveryService/StartRecovery',
  '/countersign.v1.RecoveryService/BeginRecovery',
  '/countersign.v1.RecoveryService/CompleteRecovery',
];

const client = { id: 'client', secret: 'client-secret-for-tests' };
const participants = [{ id: 'party', role: 'LENDER', status: 'APPROVED', client }];
const settings = { accessTokenAlg: 'ES256' };

/** A message that names what the procedure is about, so that nothing but the caller is wrong with it. */
function messageOf(path: string): string {
  if (/\/(Get|Cancel|Resend)Invitation$/.test(path)) return '{"invitationId":"x"}';
  if (
    /\/(GetWallet|GrantAccess|RevokeAccess|ListCapabilities|(Approve|Cancel)Recovery|ListRecoveries|(Set|Confirm)Address)$/.test(
      path,
    )
  )
    return '{"walletId":"8f14e45f-ceea-467f-a8d5-4a0d0f0e5c11"}';
  return '{}';
}

test('every procedure that is not open is opened by a capability', () => {
  const closed = proceduresOf(allServices).filter(
    ({ path }) => path.startsWith('/countersign.') && !open.includes(path),
  );
  expect(closed.filter(({ path }) => actionsOpening(path) === undefined)).toEqual([]);
});

describe('every procedure', async () => {
  const server = await testServer({
    network: { realms: ['dev', 'bank'].map((name) => ({ name, settings, participants })) },
    env: { COUNTERSIGN_LOG_LEVEL: 'warn' },
  });
  afterAll(() => server.close());
  const worthless: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'no credential': {},
    'a text that is no token': { authorization: 'Bearer x.y.z' },
    'a token of a participant': {
      authorization: `Bearer ${await obtainToken(server.issuer(), client.id, client.secret)}`,
    },
    'a token of another realm': {
      authorization: `Bearer ${await obtainToken(server.issuer('bank'), client.id, client.secret)}`,
    },
    'an unknown session': { authorization: `Bearer css_${'A'.repeat(43)}` },
    'an invocation that is none': { 'capability-invocation': 'e30' },
    'two credentials': { authorization: 'Bearer x.y.z', 'capability-invocation': 'e30' },
  };

  test.each(proceduresOf(allServices).map(({ path }) => path))('%s is closed, or named as open', async (path) => {
    const seen = new Set<string>();
    for (const [name, headers] of Object.entries(worthless)) {
      const response = await fetch(`${server.url}/realms/dev${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: messageOf(path),
      });
      const { code } = (await response.json()) as { code?: string };
      if (open.includes(path)) expect(response.status, name).not.toBe(500);
      else expect(['unauthenticated', 'permission_denied', 'invalid_argument'], `${name}: ${code}`).toContain(code);
      seen.add(String(code));
    }
    if (!open.includes(path)) expect(seen).toContain('unauthenticated');
  });
});
