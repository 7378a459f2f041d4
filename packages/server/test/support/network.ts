/** Networks to put into a context, and what it holds then. */

import { generateKeyPairSync } from 'node:crypto';
import { sql } from 'kysely';
import type { Context } from '../../src/context.ts';
import type { Caller } from '../../src/kernel/caller.ts';

export const caller: Caller = { actor: 'operator', requestId: 'request-1' };

const tables = [
  'realm',
  'subject',
  'client',
  'participant',
  'participant_key',
  'key_owner',
  'product',
  'product_network',
  'product_network_participant',
  'lender_network_filter',
  'server_whitelisting_item',
  'identity_profile',
  'password_profile',
  'identity',
  'credential',
  'event',
  'change',
  'revocation',
] as const;

/** Everything that applying a file could touch, as text: equal texts are equal stores. */
export async function contentOf(context: Context): Promise<string> {
  const content: Record<string, string[]> = {};
  for (const table of tables) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(table)}`.execute(context.store.db);
    content[table] = rows.map((row) => JSON.stringify(row)).sort();
  }
  return JSON.stringify(content, null, 1);
}

export async function eventsOf(context: Context): Promise<{ type: string; object: string; text: string }[]> {
  const rows = await context.store.db.selectFrom('event').selectAll().orderBy('id').execute();
  return rows.map((row) => ({ type: row.type, object: row.object, text: JSON.stringify(row) }));
}

/** A public EC key: quick to make. */
export function publicKey(kid?: string) {
  const { publicKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...key.export({ format: 'jwk' }), ...(kid === undefined ? {} : { kid }) } as Record<string, unknown>;
}

const keysOf = new Map<string, Record<string, unknown>>();

/** The public key of this owner, always the same: an approved participant with a base URL must have one. */
export function keyOf(owner: string): Record<string, unknown> {
  const known = keysOf.get(owner) ?? publicKey();
  keysOf.set(owner, known);
  return known;
}

export const agentSecret = 'agent-secret-for-tests';

/** One of everything. */
export function wholeNetwork() {
  return {
    realms: [
      {
        name: 'dev',
        profile: 'ocen4',
        settings: { accessTokenSeconds: 3600, development: true },
        participants: [
          {
            id: 'agent',
            role: 'LOAN_AGENT',
            status: 'APPROVED',
            baseUrl: 'http://localhost:9001/ocen',
            createdOn: '2024-01-24T00:00:00Z',
            updatedOn: '2024-03-05T00:00:00Z',
            approvedOn: '2024-01-25T00:00:00Z',
            approvedBy: 'admin',
            participant: {
              id: 'org-agent',
              participantName: 'Loan Agent One',
              participantDescription: 'First line\nsecond line',
              participantLogo: null,
              participantLogoContentType: null,
              participantWebsite: 'https://agent.example',
              participantEmail: 'ops@agent.example',
              participantPhone: '+910000000000',
              createdOn: '2024-01-24T00:00:00Z',
              updatedOn: '2024-01-24T00:00:00Z',
            },
            keys: [publicKey('agent-1')],
            client: { id: 'agent-client', secret: agentSecret, scope: 'loans:read loans:write', audiences: ['lender'] },
            resources: [{ resource: 'loan-api', roles: ['apply', 'read'] }],
          },
          {
            id: 'lender',
            role: 'LENDER',
            status: 'APPROVED',
            participant: { id: 'org-lender', participantName: 'Lender One' },
            keys: [{ ...publicKey('lender-old'), nbf: 1_500_000_000, exp: 1_600_000_000 }, publicKey('lender-new')],
            client: { id: 'lender-client' },
          },
          { id: 'data', role: 'DERIVED_DATA_PROVIDER', status: 'APPLIED', baseUrl: 'https://data.example' },
        ],
        products: [{ id: 'product-1', name: 'Invoice loan', description: 'Short term' }],
        productNetworks: [
          { id: 'network-1', name: 'Network', productId: 'product-1', participants: ['lender', 'agent', 'data'] },
        ],
        lenderNetworkFilters: [
          {
            id: 'filter-1',
            requirementName: 'MINIMUM_AMOUNT',
            operator: 'EQUALS,',
            value: 1000,
            productNetwork: { id: 'network-1', participantRoles: [{ id: 'lender' }] },
            participantId: { id: 'lender', participantRole: 'LENDER' },
          },
        ],
        serverWhitelistingItems: [
          { id: 'item-1', ipAddress: '192.0.2.1', portNumber: '8085', participantRole: 'agent' },
          { id: 'item-0', ipAddress: '192.0.2.0', portNumber: '8085', participantRole: { id: 'agent' } },
        ],
        identityProfiles: [{ id: 'ip-1', name: 'Corporates' }],
        passwordProfiles: [
          { id: 'ip-1', configPerCredentialType: { ROOT: { minimumLength: 8, maximumLength: 128, complexity: 1 } } },
        ],
        identities: [{ id: 'corp-1', profileId: 'ip-1', name: 'Acme Travel' }],
        credentials: [{ id: 'cred-1', identityId: 'corp-1', type: 'ROOT', code: 'alice@acme.example' }],
      },
    ],
  };
}
