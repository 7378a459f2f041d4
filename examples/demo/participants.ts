/** The first document: a registry of participants, and tokens for client id and secret. */
import {
  createAccessTokenVerifier,
  createRegistry,
  createTokenSource,
  fixedKeys,
  type PublicJwk,
  parsePublicJwk,
} from '@countersign/client';
import { type Member, onboard, secondRole } from './member.ts';
import { refusalOf } from './refusal.ts';
import { type Stage, step } from './stage.ts';

export interface Network {
  readonly agent: Member;
  readonly lender: Member;
}

export async function participants(stage: Stage): Promise<Network> {
  const { issuer } = stage;
  const agent = await onboard(stage, 'LOAN_AGENT', 'Demo Loan Agent');
  const lender = await onboard(stage, 'LENDER', 'Demo Lender');
  await secondRole(stage, lender);

  const tokensOf = ({ clientId, clientSecret }: Member) => createTokenSource({ issuer, clientId, clientSecret });
  const [agentTokens, lenderTokens] = [tokensOf(agent), tokensOf(lender)];
  const token = await step('The loan agent buys a token with client id and secret', async () => {
    const value = await agentTokens.token();
    return { value, proved: `OAuth 2.0 client_credentials gave a signed JWT of ${value.length} characters` };
  });

  const keys = await step('The lender fetches the public keys of the network, once', async () => {
    const value = await publicKeys(issuer);
    return { value, proved: `${value.length} keys by way of OpenID discovery` };
  });
  const offline = createAccessTokenVerifier({
    issuer,
    jwks: fixedKeys(keys),
    fetch: () => Promise.reject(new Error('this verifier has no network')),
  });
  await step('The lender verifies the loan agent’s token offline', async () => {
    const subject = await offline.verify(token);
    if (subject.kind !== 'participant' || subject.participantId !== agent.participantId)
      throw new Error('another subject');
    return {
      value: subject,
      proved: `participant ${subject.participantId}, roles ${subject.roles.join(', ')}, without a network call`,
    };
  });

  await step('A token that was tampered with is refused', async () => {
    const [header, payload = '', signature] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...claims, participantId: lender.participantId })).toString(
      'base64url',
    );
    const refusal = await refusalOf(offline.verify([header, forged, signature].join('.')));
    return { value: undefined, proved: `tampered claims: ${refusal}` };
  });

  await step('The two look each other up in the registry', async () => {
    const seenByLender = await createRegistry({ issuer, token: lenderTokens }).participant(agent.participantId);
    const seenByAgent = await createRegistry({ issuer, token: agentTokens }).participant(lender.participantId);
    if (seenByLender.kcClientId !== agent.clientId || seenByLender.keys.length !== 1) throw new Error('another entry');
    if (seenByAgent.baseUrl !== lender.baseUrl) throw new Error('another base URL');
    return { value: undefined, proved: `address ${seenByAgent.baseUrl} and the public key of each other` };
  });
  return { agent, lender };
}

async function publicKeys(issuer: string): Promise<readonly PublicJwk[]> {
  const discovery = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as { jwks_uri: string };
  const { keys } = (await (await fetch(discovery.jwks_uri)).json()) as { keys: readonly unknown[] };
  return keys.map((key) => {
    const parsed = parsePublicJwk(key);
    if (!parsed.ok) throw new Error(`a published key is not acceptable: ${parsed.reason}`);
    return parsed.key;
  });
}
