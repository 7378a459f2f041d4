/** A participant of the demonstration, from its application to its end. */
import { generateKeyPairSync } from 'node:crypto';
import {
  applyForParticipation,
  type Credentials,
  createParticipant,
  createRegistry,
  createTokenSource,
  type Participant,
  type PrivateJwk,
  pickUpCredentials,
} from '@countersign/client';
import { refusalOf } from './refusal.ts';
import { administer, freePort, type Stage, step } from './stage.ts';

export interface Member extends Credentials {
  readonly name: string;
  readonly baseUrl: string;
  readonly privateJwk: PrivateJwk;
}

/** Application with a proof of the key, review, approval, pick-up of the credentials. */
export async function onboard(stage: Stage, role: string, name: string): Promise<Member> {
  const { issuer } = stage;
  const privateJwk = rsaKey();
  const baseUrl = `http://localhost:${await freePort()}`;
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
    return {
      value: { ...credentials, name, baseUrl, privateJwk },
      proved: `client ${credentials.clientId}; a second pick-up: ${again}`,
    };
  });
}

/** The same organisation takes another role, with the same key: it gets a second participant with credentials of its own. */
export async function secondRole(stage: Stage, { name, privateJwk, participantId, ...client }: Member): Promise<void> {
  const { issuer } = stage;
  await step(`${name} takes a second role in the network`, async () => {
    const { clientId, clientSecret } = client;
    const registry = createRegistry({ issuer, token: createTokenSource({ issuer, clientId, clientSecret }) });
    const organisationId = (await registry.participant(participantId)).participant?.id ?? '';
    const said = { role: 'COLLECTIONS_PARTNER', name, contact: 'ops@demo.example', organisationId };
    const { id, pickUpCode: code } = await applyForParticipation({ issuer, privateJwk, ...said });
    await administer(stage, `/realms/dev/registry/applications/${id}/approve`);
    const second = await pickUpCredentials({ issuer, privateJwk, applicationId: id, code });
    if (second.participantId === participantId) throw new Error('the same participant');
    return { value: undefined, proved: `organisation ${organisationId} is also participant ${second.participantId}` };
  });
}

/** The member as a participant of the SDK. */
export function speaking({ issuer }: Stage, { clientId, clientSecret, privateJwk }: Member): Participant {
  return createParticipant({ issuer, clientId, clientSecret, privateKey: privateJwk });
}

export function rsaKey(): PrivateJwk {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
}

/** The public part of a key. */
export function publicHalf({ d, p, q, dp, dq, qi, ...publicJwk }: PrivateJwk): PrivateJwk {
  return publicJwk;
}

export async function offboard(stage: Stage, member: Member, inspector: Member): Promise<void> {
  const { issuer } = stage;
  const { clientId, clientSecret, participantId } = member;
  const token = await createTokenSource({ issuer, clientId, clientSecret }).token();
  await createRegistry({ issuer, token: { token: async () => token } }).participant(participantId);
  await step(`${member.name} is offboarded`, async () => {
    await administer(stage, `/realms/dev/registry/participants/${participantId}/offboard`, {
      reason: 'end of the demonstration',
    });
    const asked = createTokenSource({ issuer, clientId: inspector.clientId, clientSecret: inspector.clientSecret });
    const entry = await createRegistry({ issuer, token: asked }).participant(participantId);
    if (entry.approved) throw new Error('still approved');
    return { value: undefined, proved: `status ${entry.participantRoleStatus}; its history stays readable` };
  });
  await step('Its client id and secret buy nothing any more', async () => {
    const refusal = await refusalOf(createTokenSource({ issuer, clientId, clientSecret }).token());
    return { value: undefined, proved: refusal };
  });
  await step('Its last token, good a moment ago, is dead at the server', async () => {
    const registry = createRegistry({ issuer, token: { token: async () => token } });
    return { value: undefined, proved: await refusalOf(registry.participant(participantId)) };
  });
}
