/**
 * A realm in this process, for the examples: it answers the calls of the SDK at the time of fixtures.ts with the tokens of its
 * issuer, and checks nothing.
 */
import { decodeBase64url, delegateCapability, encodeBase64url, type JsonObject } from '@countersign/proof';
import { agent, issuer, lender, now, owner, type Party, root, utf8 } from './fixtures.ts';

const { url } = issuer;

function entryOf({ id, jwk }: Party, role: string) {
  return {
    ...{ id, participantRole: role, participantRoleStatus: 'APPROVED', approved: true, kcClientId: id },
    ...{ baseUrl: `https://${id}.example`, publicKeys: { keys: [{ ...jwk, nbf: 0 }] } },
  };
}
const entries = { agent: entryOf(agent, 'LOAN_AGENT'), lender: entryOf(lender, 'LENDER') };

async function tokenFor(init: RequestInit): Promise<object> {
  const form = new URLSearchParams(String(init.body));
  const wanted = form.get('requested_token_type');
  const audience = form.get('audience');
  if (wanted !== null) {
    return {
      access_token: await issuer.accessToken({ aud: audience }),
      ...{ issued_token_type: wanted, token_type: 'Bearer', expires_in: 60 },
    };
  }
  const [client = ''] = atob(new Headers(init.headers).get('authorization')?.slice(6) ?? '').split(':');
  const claims = { sub: `subject-of-${client}`, client_id: client, participantId: client };
  const token_type = new Headers(init.headers).has('dpop') ? 'DPoP' : 'Bearer';
  return { access_token: await issuer.accessToken(claims), token_type, expires_in: 60 };
}

/** The owner of the wallet lets the new device read and grant. */
async function walletFor(init: RequestInit): Promise<object> {
  const { signedRequest } = JSON.parse(String(init.body)) as { readonly signedRequest: string };
  const document = JSON.parse(new TextDecoder().decode(decodeBase64url(signedRequest, 65_536))) as JsonObject;
  const times = { created: now * 1000, expires: (now + 86_400) * 1000 };
  const to = { parent: root, id: `urn:uuid:${crypto.randomUUID()}`, controller: document.controller as string };
  const zcap = await delegateCapability({ ...to, allowedAction: ['read', 'grant'], ...times }, owner.signer);
  return { zcap: encodeBase64url(utf8(JSON.stringify(zcap))) };
}

type Answer = object | undefined;
const session = { token: 'css_0123456789abcdef', expiresIn: 1800 };
const previous = [{ thumbprint: 'older', exp: now + 86_400 }];
const rpc = '/countersign.v1.';

const recovery = {
  ...{ recoveryId: 'recovery-1', walletId: 'alice', state: 'RECOVERY_STATE_RUNNING', controller: 'did:key:z6Mk' },
  ...{ started: '2027-01-15T08:00:00Z', changed: '2027-01-15T08:00:00Z', earliest: '2027-01-18T08:00:00Z' },
};

const answers: Readonly<Record<string, (init: RequestInit) => Answer | Promise<Answer>>> = {
  '/.well-known/openid-configuration': () => ({
    issuer: url,
    jwks_uri: `${url}/certs`,
    token_endpoint: `${url}/token`,
  }),
  '/certs': () => ({ keys: issuer.keys }),
  '/token': tokenFor,
  '/protocol/openid-connect/token': tokenFor,
  '/service/participant-roles/agent': () => entries.agent,
  '/service/participant-roles/lender': () => entries.lender,
  '/service/product-networks/loans/participants': () => ({ LOAN_AGENT: [entries.agent], LENDER: [entries.lender] }),
  '/receipts': async () => ({ receipt: await issuer.receipt() }),
  '/receipts/certs': () => ({ issuer: url, keys: issuer.keys }),
  '/registry/applications': () => ({ id: 'application-1', status: 'APPLIED', pickUpCode: 'code-1' }),
  '/registry/applications/application-1/status': () => ({
    ...{ id: 'application-1', status: 'APPROVED', participantId: 'agent', reason: null, pickedUp: false },
  }),
  '/registry/applications/application-1/credentials': () => ({
    ...{ clientId: 'agent', clientSecret: 'secret-1', participantId: 'agent', tokenEndpoint: `${url}/token` },
  }),
  '/registry/participants/agent/details': () => ({}),
  '/registry/participants/agent/refusals': () => ({
    proved: [{ request: 'token', reason: 'oauth.invalid_scope', source: '192.0.2.7', at: '2027-01-15T08:00:00Z' }],
    unproved: [
      {
        ...{ request: 'token', reason: 'oauth.invalid_client', source: '192.0.2.7', count: 3 },
        ...{ firstAt: '2027-01-15T07:00:00Z', lastAt: '2027-01-15T08:00:00Z' },
      },
    ],
  }),
  '/registry/participants/agent/keys': () => ({ thumbprint: 'newer', nbf: now, previous }),
  '/registry/participants/agent/keys/older/retire': () => ({}),
  '/registry/participants/agent/secrets': () => ({ secretId: 's-2', clientId: 'agent', clientSecret: 'secret-2' }),
  '/registry/participants/agent/secrets/s-1/revoke': () => ({}),
  '/auth/login': () => session,
  '/auth/subject': async () => ({ token: await issuer.transactionToken(), expiresIn: 60 }),
  [`${rpc}AuthService/GetChallenge`]: () => ({ nonce: crypto.randomUUID(), audience: url }),
  [`${rpc}AuthService/AcquireToken`]: async () => ({ walletToken: await issuer.walletToken(), expiresIn: 300 }),
  [`${rpc}WalletService/CreateWallet`]: walletFor,
  [`${rpc}RecoveryService/StartRecovery`]: () => ({ earliest: '2027-01-18T08:00:00Z' }),
  [`${rpc}RecoveryService/BeginRecovery`]: () => recovery,
  [`${rpc}RecoveryService/CompleteRecovery`]: walletFor,
  [`${rpc}WalletService/GetWallet`]: () => ({ walletId: 'alice', created: '2027-01-15T08:00:00Z' }),
};

/** The `fetch` of the realm. */
export async function answerFor(called: string, init: RequestInit): Promise<Response> {
  const answer = await answers[called.slice(url.length)]?.(init);
  return answer === undefined ? new Response(null, { status: 404 }) : Response.json(answer);
}
