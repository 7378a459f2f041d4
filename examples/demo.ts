/**
 * A whole network on loopback in one command: `npm run demo`.
 *
 * Every step does over real HTTP what a participant, an administrator or a verifier would do, and says what it proved. The
 * command ends with 0 only if every step held.
 */
import { generateKeyPairSync } from 'node:crypto';
import {
  applyForParticipation,
  type Credentials,
  createAccessTokenVerifier,
  createRegistry,
  createTokenSource,
  fixedKeys,
  type PrivateJwk,
  type PublicJwk,
  parsePublicJwk,
  pickUpCredentials,
} from '@countersign/client';
import { administer, raiseStage, type Stage, step } from './demo/stage.ts';

interface Member extends Credentials {
  readonly name: string;
}

const stage = await raiseStage();
try {
  process.stdout.write(`\nCountersign demonstration, on ${stage.url}\n\n`);
  await participants(stage);
  process.stdout.write('\nEverything held.\n');
} finally {
  await stage.close();
}

/** The first document: a registry of participants, tokens for client id and secret, onboarding and offboarding. */
async function participants(stage: Stage): Promise<void> {
  const { issuer } = stage;
  const agent = await onboard(stage, 'LOAN_AGENT', 'Demo Loan Agent', 'http://localhost:9001');
  const lender = await onboard(stage, 'LENDER', 'Demo Lender', 'http://localhost:9002');

  const agentTokens = createTokenSource({ issuer, clientId: agent.clientId, clientSecret: agent.clientSecret });
  const lenderTokens = createTokenSource({ issuer, clientId: lender.clientId, clientSecret: lender.clientSecret });
  const token = await step('The loan agent buys a token with client id and secret', async () => {
    const value = await agentTokens.token();
    return { value, proved: `OAuth 2.0 client_credentials gave a signed JWT of ${value.length} characters` };
  });

  const keys = await step('The lender takes the public keys of the network, once', async () => {
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
    if (seenByAgent.baseUrl !== 'http://localhost:9002') throw new Error('another base URL');
    return { value: undefined, proved: `address ${seenByAgent.baseUrl} and the public key of each other` };
  });

  await offboard(stage, agent, token, lenderTokens);
}

/** Application with a proof of the key, review, approval, pick-up of the credentials. */
async function onboard(stage: Stage, role: string, name: string, baseUrl: string): Promise<Member> {
  const { issuer } = stage;
  const privateJwk = newKey();
  const application = await step(`${name} applies, and proves that its key is its own`, async () => {
    const value = await applyForParticipation({ issuer, privateJwk, role, name, baseUrl, contact: 'ops@demo.example' });
    return { value, proved: `application ${value.id} is ${value.status}` };
  });
  await step(`The administrator reviews and approves ${name}`, async () => {
    const path = `/realms/dev/registry/applications/${application.id}`;
    await administer(stage, `${path}/review`);
    const approved = (await administer(stage, `${path}/approve`)) as { status: string; participantId: string };
    return { value: approved, proved: `registered as participant ${approved.participantId}` };
  });
  return step(`${name} picks up its credentials with the one-time code and its key`, async () => {
    const pickUp = { issuer, privateJwk, applicationId: application.id, code: application.pickUpCode };
    const credentials = await pickUpCredentials(pickUp);
    const again = await refusalOf(pickUpCredentials(pickUp));
    return { value: { ...credentials, name }, proved: `client ${credentials.clientId}; a second pick-up: ${again}` };
  });
}

async function offboard(
  stage: Stage,
  member: Member,
  token: string,
  inspector: { token(): Promise<string> },
): Promise<void> {
  const { issuer } = stage;
  await step(`${member.name} is offboarded`, async () => {
    await administer(stage, `/realms/dev/registry/participants/${member.participantId}/offboard`, {
      reason: 'end of the demonstration',
    });
    const entry = await createRegistry({ issuer, token: inspector }).participant(member.participantId);
    if (entry.approved) throw new Error('still approved');
    return { value: undefined, proved: `status ${entry.participantRoleStatus}; its history stays readable` };
  });
  await step('Its client id and secret buy nothing any more', async () => {
    const { clientId, clientSecret } = member;
    const refusal = await refusalOf(createTokenSource({ issuer, clientId, clientSecret }).token());
    return { value: undefined, proved: refusal };
  });
  await step('Its old token is dead at the server', async () => {
    const refusal = await refusalOf(
      createRegistry({ issuer, token: { token: async () => token } }).participant(member.participantId),
    );
    return { value: undefined, proved: refusal };
  });
}

function newKey(): PrivateJwk {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
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

/** What must fail, fails with these words. */
async function refusalOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
  } catch (refusal) {
    return `refused (${(refusal as { code?: string }).code}: ${(refusal as Error).message})`;
  }
  throw new Error('this should have been refused');
}
